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
    try withMPI(body)
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
/// not; a reader that went away is ignored.
func say(_ text: String) {
  let end = text.hasSuffix("\n") ? "" : "\n"
  try? FileHandle.standardOutput.write(contentsOf: Data((text + end).utf8))
}

/// Writes an error to standard error.
func complain(_ text: String) {
  try? FileHandle.standardError.write(contentsOf: Data("error: \(text)\n".utf8))
}
