/// Where time went: a bar of parts, and a table that names them.
struct StackedBar {
  var parts: [(name: String, seconds: Double)]

  private static let width = 1000.0

  /// The drawing; `nil` where there is nothing to draw.
  var figure: HTML? {
    let parts = parts.filter { $0.seconds > 0 }
    let total = parts.reduce(0) { $0 + $1.seconds }
    guard total > 0 else { return nil }
    var left = 0.0
    var bars: [HTML] = []
    var rows: [HTML] = []
    for (index, part) in parts.enumerated() {
      let share = part.seconds / total
      let color = index % 7 + 1
      bars.append(
        """
        <rect class="s\(color)" x="\(left * Self.width)" y="0" \
        width="\(max(share * Self.width, 0.5))" height="30"><title>\(part.name)</title></rect>

        """)
      rows.append(
        """
        <tr><td><svg class="key" viewBox="0 0 10 10" aria-hidden="true">\
        <rect class="s\(color)" width="10" height="10" rx="2"/></svg>\(part.name)</td>\
        <td class="number">\(Wording.duration(part.seconds))</td>\
        <td class="number">\(Wording.number(share * 100, digits: 3)) %</td></tr>

        """)
      left += share
    }
    return """
      <svg class="bar" viewBox="0 0 \(Self.width) 30" preserveAspectRatio="none" role="img" \
      aria-label="\(parts.map { "\($0.name) \(Wording.duration($0.seconds))" }.joined(separator: ", "))">
      \(bars)</svg>
      <div class="wide"><table><tbody>
      \(rows)</tbody></table></div>

      """
  }
}
