/// Rewards before and after by set, with standard errors, drawn as SVG.
struct IntervalChart {
  /// A set of prompts.
  struct Row {
    var name: String
    var before: Mark?
    var after: Mark?
  }

  /// A mean and its standard error.
  struct Mark {
    var value: Double
    var standardError: Double
  }

  var rows: [Row]
  /// What the later mark is called.
  var afterName: String

  private static let width = 360.0
  private static let rowHeight = 46.0
  private static let (left, right, top) = (14.0, 346.0, 22.0)
  /// For the names beside the marks.
  private static let nameWidth = 48.0

  /// The drawing; `nil` where there is nothing to draw.
  var figure: HTML? {
    let marks = rows.flatMap { [$0.before, $0.after].compactMap(\.self) }
    guard !marks.isEmpty else { return nil }
    let bottom = Self.top + Double(rows.count) * Self.rowHeight
    let x = Axis(
      Axis.range(
        of: marks.flatMap { [$0.value - $0.standardError, $0.value + $0.standardError] }),
      from: Self.left, to: Self.right - Self.nameWidth, tickCount: 5)
    let ticks = x.ticks.map { tick -> HTML in
      """
      <path class="grid" d="M\(x.place(tick)) \(Self.top - 6)V\(bottom)"/>\
      <text class="middle" x="\(x.place(tick))" y="\(bottom + 16)">\(x.label(tick))</text>

      """
    }
    return """
      <figure class="chart"><figcaption>Before and \(afterName) \
      <small>mean reward ± standard error</small></figcaption>
      <svg viewBox="0 0 \(Self.width) \(bottom + 34)" role="img" aria-label="\(description)">
      \(ticks)\(rows.enumerated().map { draw($1, at: Self.top + Double($0) * Self.rowHeight, x) })\
      <text class="middle" x="\((Self.left + Self.right) / 2)" y="\(bottom + 31)">reward</text>
      </svg></figure>

      """
  }

  private var description: String {
    rows.map { row in
      let values = [row.before, row.after].map { $0.map { Wording.reward($0.value) } ?? "unknown" }
      return "\(row.name) from \(values[0]) to \(values[1])"
    }.joined(separator: ", ")
  }

  private func draw(_ row: Row, at top: Double, _ x: Axis) -> HTML {
    let before = row.before.map { mark($0, at: top + 18, x, isFilled: false, name: "before") }
    let after = row.after.map { mark($0, at: top + 34, x, isFilled: true, name: afterName) }
    return """
      <text class="strong" x="\(Self.left)" y="\(top + 6)">\(row.name)</text>
      \([before, after].compactMap(\.self))
      """
  }

  private func mark(
    _ mark: Mark, at y: Double, _ x: Axis, isFilled: Bool, name: String
  ) -> HTML {
    let ends = (x.place(mark.value - mark.standardError), x.place(mark.value + mark.standardError))
    return """
      <path class="error s1" d="M\(ends.0) \(y)H\(ends.1)"/>\
      <circle class="\(isFilled ? "dot" : "ring") s1" cx="\(x.place(mark.value))" cy="\(y)" r="4"/>\
      <text x="\(ends.1 + 8)" y="\(y + 4)">\(name)</text>

      """
  }
}
