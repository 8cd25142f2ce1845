import Foundation

/// Compares figures with their limits, a line for each, and fails at the first beyond.
final class CheckReport {
  /// Checks that were passed.
  private(set) var count = 0
  private let report: (String) -> Void

  init(_ report: @escaping (String) -> Void) {
    self.report = report
  }

  /// Reports what is no check but should be known.
  func note(_ text: String) { report("note: \(text)") }

  /// Reports `figure`, which must not be beyond `limit`, nor NaN.
  ///
  /// - Throws: ``NumericalFailure``.
  func check(_ name: String, _ figure: Double, limit: Double) throws {
    let (figureText, limitText) = (String(format: "%.1e", figure), String(format: "%.1e", limit))
    // Written so that NaN does not pass.
    guard figure <= limit else {
      report("check \(name): \(figureText) (limit \(limitText)) FAILED")
      throw NumericalFailure.check(name: name, figure: figureText, limit: limitText)
    }
    count += 1
    report("check \(name): \(figureText) (limit \(limitText)) ok")
  }
}
