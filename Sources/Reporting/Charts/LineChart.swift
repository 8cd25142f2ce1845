/// Lines against optimiser steps, drawn as SVG.
struct LineChart {
  var title: String
  /// What the numbers are counted in.
  var unit: String
  var series: [Series]
  /// Where the vertical axis begins, if it has to.
  var floor: Double?
  /// Whether numbers of several magnitudes get a logarithmic axis.
  var mayBeLogarithmic = false
  /// Steps after which the run went on from a checkpoint.
  var restarts: [Int] = []
  /// Whether each point is marked, as of few measurements.
  var marksPoints = false

  static let width = 360.0
  static let height = 208.0
  private static let (left, top, bottom) = (54.0, 10.0, 168.0)
  private static let characterWidth = 6.6
  private static let lineHeight = 14.0

  /// Names beside the lines, where there are several.
  private var labels: [String] {
    series.count > 1
      ? series.map { $0.name.count > 14 ? $0.name.prefix(13) + "…" : $0.name } : []
  }

  private var right: Double {
    let longest = labels.map(\.count).max() ?? 0
    return Self.width - (longest == 0 ? 10 : Double(longest) * Self.characterWidth + 8)
  }

  /// The drawing with its title; `nil` where there is nothing to draw.
  var figure: HTML? {
    guard series.contains(where: { !$0.values.isEmpty }) else { return nil }
    let last = series.count == 1 ? series[0].values.last.map { Wording.number($0) } : nil
    let value: HTML = last.map { "<span class=\"last\">\($0)</span>" } ?? ""
    return """
      <figure class="chart"><figcaption>\(title) <small>\(unit)\
      \(isLogarithmic ? ", logarithmic" : "")</small>\(value)</figcaption>
      \(drawing)</figure>

      """
  }

  private var isLogarithmic: Bool {
    let values = series.flatMap(\.values)
    guard mayBeLogarithmic, let greatest = values.max(), greatest > 0,
      let least = values.filter({ $0 > 0 }).min(), values.allSatisfy({ $0 >= 0 })
    else { return false }
    return greatest / least > 300
  }

  private var xAxis: Axis {
    let steps = series.flatMap { $0.points.map(\.x) }
    let least = steps.min() ?? 0
    return Axis(
      least...max(steps.max() ?? 1, least + 1), from: Self.left, to: right,
      tickCount: min(5, Int((right - Self.left) / Self.tickWidth(upTo: steps.max() ?? 1))),
      wholeNumbers: true)
  }

  /// What the longest of the numbers below an axis takes, with room beside it.
  private static func tickWidth(upTo greatest: Double) -> Double {
    Double(Wording.number(greatest).count) * characterWidth + 24
  }

  private var yAxis: Axis {
    if isLogarithmic {
      let values = series.flatMap(\.values).filter { $0 > 0 }
      return Axis(
        (values.min() ?? 1) / 1.3...(values.max() ?? 1) * 1.3, from: Self.bottom, to: Self.top,
        tickCount: 4, isLogarithmic: true)
    }
    let ends = series.flatMap { series in
      zip(series.points, series.deviations ?? []).flatMap { [$0.y - $1, $0.y + $1] }
    }
    return Axis(
      Axis.range(of: (series.flatMap(\.values) + ends).filter(\.isFinite), from: floor),
      from: Self.bottom, to: Self.top, tickCount: 5)
  }

  private var drawing: HTML {
    let (x, y) = (xAxis, yAxis)
    return """
      <svg viewBox="0 0 \(Self.width) \(Self.height)" role="img" aria-label="\(description)">
      \(grid(x, y))\(restarts.filter { x.range.contains(Double($0)) }.map { restart($0, x) })\
      \(series.indices.map { band(series[$0], number: $0 + 1, x, y) })\
      \(series.indices.map { line(series[$0], number: $0 + 1, x, y) })\(directLabels(y))</svg>
      """
  }

  /// What the chart shows, in a sentence.
  private var description: String {
    let parts = series.compactMap { series -> String? in
      guard let first = series.values.first, let last = series.values.last else { return nil }
      return "\(series.name) from \(Wording.number(first)) to \(Wording.number(last))"
    }
    return "\(title): \(parts.joined(separator: ", "))"
  }

  private func grid(_ x: Axis, _ y: Axis) -> HTML {
    let lines = y.ticks.map { tick -> HTML in
      let place = y.place(tick)
      return """
        <path class="grid" d="M\(Self.left) \(place)H\(right)"/>\
        <text class="end" x="\(Self.left - 6)" y="\(place + 4)">\(y.label(tick))</text>

        """
    }
    let marks = x.ticks.map { tick -> HTML in
      """
      <text class="\(x.place(tick) > right - 12 ? "end" : "middle")" x="\(x.place(tick))" \
      y="\(Self.bottom + 16)">\(x.label(tick))</text>

      """
    }
    return """
      \(lines)<path class="axis" d="M\(Self.left) \(Self.bottom)H\(right)"/>
      \(marks)<text class="middle" x="\((Self.left + right) / 2)" \
      y="\(Self.height - 6)">optimiser step</text>

      """
  }

  private func restart(_ step: Int, _ x: Axis) -> HTML {
    """
    <path class="restart" d="M\(x.place(Double(step))) \(Self.top)V\(Self.bottom)">\
    <title>restart after step \(step)</title></path>

    """
  }

  private func line(_ series: Series, number: Int, _ x: Axis, _ y: Axis) -> HTML {
    let values = series.points.map { y.isLogarithmic && $0.y <= 0 ? .nan : $0.y }
    var path = ""
    var marks: [HTML] = []
    var isDown = false
    for index in Thinning.indices(values, columnCount: Int(right - Self.left)) {
      guard values[index].isFinite else {
        isDown = false
        continue
      }
      let place = (x.place(series.points[index].x), y.place(values[index]))
      path += "\(isDown ? "L" : "M")\(HTML.place(place.0)) \(HTML.place(place.1))"
      isDown = true
      let isAlone =
        (index == 0 || !values[index - 1].isFinite)
        && (index + 1 == values.count || !values[index + 1].isFinite)
      if marksPoints || isAlone {
        marks.append(
          "<circle class=\"dot s\(number)\" cx=\"\(place.0)\" cy=\"\(place.1)\" r=\"3\"/>")
        if marksPoints, let deviation = series.deviations?[index], deviation.isFinite {
          let ends = (y.place(values[index] - deviation), y.place(values[index] + deviation))
          marks.append("<path class=\"error s\(number)\" d=\"M\(place.0) \(ends.0)V\(ends.1)\"/>")
        }
      }
    }
    // Of more steps than can be told apart the means are the line, and the extremes are behind it.
    let means = Thinning.means(values, columnCount: Int(right - Self.left)).map { column in
      (x.place(series.points[column.index].x), y.place(column.mean))
    }
    guard !means.isEmpty else {
      return "<path class=\"line s\(number)\" d=\"\(path)\"/>\n\(marks)"
    }
    let course = means.map { "\(HTML.place($0.0)) \(HTML.place($0.1))" }.joined(separator: "L")
    return """
      <path class="extremes s\(number)" d="\(path)"/>
      <path class="line s\(number)" d="M\(course)"/>
      \(marks)
      """
  }

  /// The band of a line's deviations: along the upper ends and back along the lower ones.
  private func band(_ series: Series, number: Int, _ x: Axis, _ y: Axis) -> HTML {
    guard let deviations = series.deviations, !marksPoints else { return "" }
    func edge(_ sign: Double) -> [(Double, Double)] {
      let values = zip(series.points, deviations).map { $0.y + sign * $1 }
      return Thinning.indices(values, columnCount: Int(right - Self.left))
        .filter { values[$0].isFinite }
        .map { (x.place(series.points[$0].x), y.place(values[$0])) }
    }
    let outline = (edge(1) + edge(-1).reversed())
      .map { "\(HTML.place($0.0)) \(HTML.place($0.1))" }.joined(separator: "L")
    return outline.isEmpty ? "" : "<path class=\"band s\(number)\" d=\"M\(outline)Z\"/>\n"
  }

  /// Names at the lines' ends, far enough apart to be read.
  private func directLabels(_ y: Axis) -> HTML {
    var ends = labels.indices.compactMap { index -> (index: Int, place: Double)? in
      let value = series[index].values.last { !y.isLogarithmic || $0 > 0 }
      return value.map { (index, y.place($0)) }
    }.sorted { $0.place < $1.place }
    for index in ends.indices.dropFirst() {
      ends[index].place = max(ends[index].place, ends[index - 1].place + Self.lineHeight)
    }
    if let last = ends.last, last.place > Self.bottom {
      var limit = Self.bottom
      for index in ends.indices.reversed() {
        ends[index].place = min(ends[index].place, limit)
        limit = ends[index].place - Self.lineHeight
      }
    }
    let texts = ends.map { index, place -> HTML in
      "<text class=\"name s\(index + 1)\" x=\"\(right + 5)\" y=\"\(place + 4)\">\(labels[index])</text>"
    }
    return "\(texts)"
  }
}
