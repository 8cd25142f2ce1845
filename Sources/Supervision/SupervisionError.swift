import Foundation

/// Why a run could not be launched or watched.
public struct SupervisionError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The path, host or setting at fault.
  public let place: String
  /// What should have been there.
  public let expected: String
  /// What was there.
  public let found: String
  /// What to do about it, where that can be said.
  public let advice: String?
  /// The exit status: 2 where a later start would find the same.
  public let exitStatus: Int32

  /// An error from what was expected and what came.
  init(
    _ place: String, expected: String, found: String, advice: String? = nil,
    exitStatus: Int32 = 2
  ) {
    self.place = place
    self.expected = expected
    self.found = found
    self.advice = advice
    self.exitStatus = exitStatus
  }

  /// An operating system call that failed, with the reason in `errno`.
  init(_ place: String, failed expected: String, errno code: CInt, advice: String? = nil) {
    self.init(
      place, expected: expected, found: "'\(String(cString: strerror(code)))'", advice: advice)
  }

  /// One sentence with all of it.
  public var description: String {
    "\(place): expected \(expected), found \(found)" + (advice.map { ": \($0)" } ?? "")
  }
}
