import Foundation

/// Pictures over time.
extension RunReport {
  private static let gridsPerSet = 6
  /// Of all pictures, as files; a third more in the page.
  private static let byteLimit = 12 << 20

  var sampleSection: HTML {
    let bySet = Dictionary(grouping: run.grids, by: \.set)
    var shownCount = 0
    var rest = Self.byteLimit
    let sets = bySet.keys.sorted().prefix(12)
    let parts = sets.enumerated().compactMap { index, set -> HTML? in
      // What earlier sets left is for all later ones.
      let share = rest / (sets.count - index)
      let (pictures, byteCount) = pictures(of: bySet[set] ?? [], byteLimit: share)
      rest -= byteCount
      shownCount += pictures.count
      return pictures.isEmpty
        ? nil : "<h3>\(set)</h3>\n<div class=\"samples\">\n\(pictures)</div>\n"
    }
    guard shownCount > 0 else { return "" }
    let omitted = run.grids.count - shownCount
    let note: HTML =
      omitted == 0
      ? ""
      : """
      <p class="soft">\(Wording.count(shownCount)) of \(Wording.count(run.grids.count)) grids; \
      all are in samples/ of the run folder.</p>

      """
    return section(
      "Samples",
      """
      <p class="soft">The same prompts with the same noise; numbers are rewards.</p>
      \(note)\(parts)
      """)
  }

  /// As many grids of a set as fit, evenly over time, the first and the last among them.
  private func pictures(of grids: [RecordedGrid], byteLimit: Int) -> ([HTML], byteCount: Int) {
    for count in stride(from: min(Self.gridsPerSet, grids.count), through: 1, by: -1) {
      let chosen = Self.evenly(grids, count: count)
      let files = chosen.map { run.png(of: $0, byteLimit: byteLimit) }
      let byteCount = files.reduce(0) { $0 + ($1?.count ?? 0) }
      guard byteCount <= byteLimit else { continue }
      return (
        zip(chosen, files).compactMap { grid, png in png.map { picture(grid, $0) } }, byteCount
      )
    }
    return ([], 0)
  }

  /// `count` of some elements, evenly, the last one among them, and for more than one the first.
  static func evenly<Element>(_ elements: [Element], count: Int) -> [Element] {
    guard count < elements.count else { return elements }
    guard count > 1 else { return elements.suffix(1) }
    return (0..<count).map { elements[$0 * (elements.count - 1) / (count - 1)] }
  }

  private func picture(_ grid: RecordedGrid, _ png: Data) -> HTML {
    let time = grid.epoch.map { "after epoch \(Wording.count($0))" } ?? "\(grid.phase) training"
    return """
      <figure><figcaption>\(time)</figcaption>\
      <img src="data:image/png;base64,\(png.base64EncodedString())" \
      alt="Samples of \(grid.set), \(time)"></figure>

      """
  }
}
