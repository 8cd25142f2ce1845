/// The numbers of a run's optimiser steps, a column for each name that any step has.
struct StepTable {
  /// Rising.
  private(set) var steps: [Int] = []
  /// The column of each name.
  private var places: [String: Int] = [:]
  /// Each as long as ``steps``; NaN where a step has no such number.
  private var columns: [[Double]] = []

  /// Names beyond these are left out: a run has some thirty.
  private static let columnLimit = 300

  /// Adds a step. Of those that are there it replaces the same one and all later ones: the run went
  /// on from a checkpoint before them.
  mutating func append(step: Int, _ numbers: [String: Double]) {
    if let last = steps.last, last >= step {
      let count = steps.firstIndex { $0 >= step } ?? steps.count
      steps.removeSubrange(count...)
      for place in columns.indices { columns[place].removeSubrange(count...) }
    }
    for place in columns.indices { columns[place].append(.nan) }
    for (name, number) in numbers.sorted(by: { $0.key < $1.key }) {
      if let place = places[name] {
        columns[place][steps.count] = number
      } else if columns.count < Self.columnLimit {
        places[name] = columns.count
        columns.append(Array(repeating: .nan, count: steps.count) + [number])
      }
    }
    steps.append(step)
  }

  /// A column; `nil` where no step has a number of that name.
  subscript(name: String) -> [Double]? {
    places[name].map { columns[$0] }.flatMap { $0.contains(where: \.isFinite) ? $0 : nil }
  }

  /// The last number of a column.
  func last(_ name: String) -> Double? { self[name]?.last(where: \.isFinite) }

  /// The sum of a column.
  func sum(_ name: String) -> Double? {
    self[name].map { $0.reduce(0) { $1.isFinite ? $0 + $1 : $0 } }
  }

  /// The names of columns with numbers that begin with a prefix, without it, in order.
  func names(after prefix: String) -> [String] {
    places.keys.filter { $0.hasPrefix(prefix) && self[$0] != nil }
      .map { String($0.dropFirst(prefix.count)) }.sorted()
  }
}
