import Foundation

/// Why an event file could not be written or read.
public struct EventFileError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The path of the file or folder.
  public let path: String
  /// What should have been.
  public let expected: String
  /// What was.
  public let found: String

  init(_ path: String, expected: String, found: String) {
    self.path = path
    self.expected = expected
    self.found = found
  }

  /// An operating system call that failed, with the reason in `errno`.
  init(_ path: String, failed expected: String, errno code: CInt) {
    self.init(path, expected: expected, found: "'\(String(cString: strerror(code)))'")
  }

  /// One sentence with all of it.
  public var description: String { "\(path): expected \(expected), found \(found)" }
}
