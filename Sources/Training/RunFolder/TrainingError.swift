import Foundation
import MPI

/// Why a file or folder of a run could not be used.
struct TrainingError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The path of the file or folder, or what else is at fault.
  let place: String
  /// The line of the file, counted from 1; `nil` where no single one is at fault.
  let line: Int?
  /// What should have been there.
  let expected: String
  /// What was there.
  let found: String
  /// What to do about it, where that can be said.
  let advice: String?
  /// 1 where a later start may go well; else `nil`.
  let exitStatus: UInt8?
  /// Whether it says nothing of the contents: the system did not give them, or another release wrote
  /// them. They may be as good as ever.
  let leavesContentsOpen: Bool

  /// An error from what was expected and what came.
  init(
    _ place: String, line: Int? = nil, expected: String, found: String, advice: String? = nil,
    leavesContentsOpen: Bool = false
  ) {
    self.place = place
    self.line = line
    self.expected = expected
    self.found = found
    self.advice = advice
    self.leavesContentsOpen = leavesContentsOpen
    exitStatus = nil
  }

  /// An operating system call that failed, with the reason in `errno`.
  init(_ place: String, failed expected: String, errno code: CInt, advice: String? = nil) {
    self.place = place
    line = nil
    self.expected = expected
    found = "'\(String(cString: strerror(code)))'"
    self.advice = advice
    exitStatus = [EIO, ESTALE, ENOSPC, EDQUOT, ETIMEDOUT].contains(code) ? 1 : nil
    // Of a name that is not there, or is a link, that is all there is to know.
    leavesContentsOpen = ![ENOENT, ENOTDIR, ELOOP].contains(code)
  }

  /// A file that came into being while the run was started.
  init(_ place: String, overtaking found: String) {
    self.place = place
    line = nil
    expected = "nothing newer than what the run goes on from"
    self.found = found
    advice = "start again, from there"
    exitStatus = 1
    leavesContentsOpen = false
  }

  /// One sentence with all of it.
  var description: String {
    "\(place)\(line.map { ":\($0)" } ?? ""): expected \(expected), found \(found)"
      + (advice.map { ": \($0)" } ?? "")
  }
}

extension TrainingError: ExitStatusError {}
