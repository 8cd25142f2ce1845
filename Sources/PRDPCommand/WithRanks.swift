import ArgumentParser
import Foundation
import MPI

/// Runs `body` with all ranks. After a failure that all ranks share the process ends with the status
/// that it asks for, or with 2: it is then most likely the input's.
///
/// A failure of one rank alone aborts all of them inside `withMPI`.
func withRanks(_ body: (Communicator) throws -> Void) throws {
  // A reader that went away must not end training.
  signal(SIGPIPE, SIG_IGN)
  do {
    // Gradients are averaged by a thread beside the one that computes them.
    try withMPI(threadLevel: .serialized, body)
  } catch let failure as AgreedFailure {
    throw ExitCode(Int32(failure.exitStatus ?? 2))
  }
}

/// Runs `body`, whose errors are of a user's making: says such an error and ends the process with 2.
func refusingBadInput<Result>(_ body: () throws -> Result) throws -> Result {
  do {
    return try body()
  } catch {
    complain("\(error)")
    throw ExitCode(2)
  }
}

/// Writes text to standard output at once, also into a pipe, and ends its last line where it has
/// not. A reader that went away is ignored; any other failure, such as a full disk, ends the process
/// with 2.
func say(_ text: String) {
  var bytes = Array((text.hasSuffix("\n") ? text : text + "\n").utf8)[...]
  while !bytes.isEmpty {
    let count = bytes.withUnsafeBytes { write(STDOUT_FILENO, $0.baseAddress, $0.count) }
    if count < 0, errno == EINTR { continue }
    if count < 0, errno == EAGAIN {
      // Someone who shares the output made it so that writing does not wait.
      var output = pollfd(fd: STDOUT_FILENO, events: Int16(POLLOUT), revents: 0)
      _ = poll(&output, 1, -1)
      continue
    }
    guard count > 0 else {
      guard errno != EPIPE else { return }
      complain("standard output: cannot be written: \(String(cString: strerror(errno)))")
      exit(2)
    }
    bytes = bytes.dropFirst(count)
  }
}

/// Writes an error to standard error.
func complain(_ text: String) {
  try? FileHandle.standardError.write(contentsOf: Data("error: \(text)\n".utf8))
}
