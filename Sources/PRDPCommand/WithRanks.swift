import ArgumentParser
import Foundation
import MPI

/// Runs `body` with all ranks, and ends the process with 2 after a failure that all ranks share.
///
/// A failure of one rank alone aborts all of them inside `withMPI`.
func withRanks(_ body: (Communicator) throws -> Void) throws {
  // A reader that went away must not end training.
  signal(SIGPIPE, SIG_IGN)
  do {
    try withMPI(body)
  } catch is AgreedFailure {
    throw ExitCode(2)
  }
}

/// Writes a line to standard output at once, also into a pipe; a reader that went away is ignored.
func say(_ line: String) {
  try? FileHandle.standardOutput.write(contentsOf: Data((line + "\n").utf8))
}

/// Writes an error to standard error.
func complain(_ text: String) {
  try? FileHandle.standardError.write(contentsOf: Data("error: \(text)\n".utf8))
}
