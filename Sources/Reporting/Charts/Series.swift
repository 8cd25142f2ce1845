/// A line of a chart: numbers against optimiser steps.
struct Series {
  var name: String
  var points: [(x: Double, y: Double)]
  /// How far the band around the line reaches at each point, if there is one.
  var deviations: [Double]?

  /// The numbers of a column; those that are not finite are gaps.
  init(_ name: String, _ steps: [Int], _ values: [Double], deviations: [Double]? = nil) {
    self.name = name
    points = zip(steps, values).map { (Double($0), $1) }
    self.deviations = deviations
  }

  /// The numbers that are drawn.
  var values: [Double] { points.map(\.y).filter(\.isFinite) }
}

/// Draws no more points than can be told apart.
enum Thinning {
  /// The places of those points that are drawn: of each of `columnCount` columns the first, the last
  /// and those with the least and the greatest value, in their order. A peak is never lost.
  static func indices(_ values: [Double], columnCount: Int) -> [Int] {
    guard values.count > 4 * columnCount else { return Array(values.indices) }
    return (0..<columnCount).flatMap { column in
      let range =
        column * values.count / columnCount..<(column + 1) * values.count / columnCount
      let finite = range.filter { values[$0].isFinite }
      let extremes = [
        finite.min { values[$0] < values[$1] }, finite.max { values[$0] < values[$1] },
      ]
      return Set([range.lowerBound, range.upperBound - 1] + extremes.compactMap(\.self)).sorted()
    }
  }

  /// The mean of each column, and the place of its middle; none where all points are drawn.
  static func means(_ values: [Double], columnCount: Int) -> [(index: Int, mean: Double)] {
    guard values.count > 4 * columnCount else { return [] }
    return (0..<columnCount).compactMap { column in
      let range =
        column * values.count / columnCount..<(column + 1) * values.count / columnCount
      let finite = values[range].filter(\.isFinite)
      guard !finite.isEmpty else { return nil }
      return ((range.lowerBound + range.upperBound) / 2, finite.reduce(0, +) / Double(finite.count))
    }
  }
}
