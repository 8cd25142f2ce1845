import Foundation

/// Why a run cannot be reported on.
public struct ReportingError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The path of the file or folder.
  public let path: String
  /// What should have been there.
  public let expected: String
  /// What was there.
  public let found: String
  /// What to do about it, where that can be said.
  public let advice: String?

  init(_ path: String, expected: String, found: String, advice: String? = nil) {
    self.path = path
    self.expected = expected
    self.found = found
    self.advice = advice
  }

  /// One sentence with all of it.
  public var description: String {
    "\(path): expected \(expected), found \(found)" + (advice.map { ": \($0)" } ?? "")
  }
}
