import Foundation
import MPI

/// Which start of the program a run belongs to: the last one, whose nonce is in `attempt` in the run
/// folder. On a file system without locks two may believe they are alone.
struct RunOwner: Sendable {
  /// This start's nonce.
  let attempt: String
  private let path: String

  /// Takes the run over.
  init(takingOver folder: RunFolder) throws {
    attempt = nonce() + nonce()
    path = folder.attempt
    try DiskOperations().replaceFile(path, contents: Data("\(attempt)\n".utf8))
  }

  /// Refuses to go on where another start of the program has taken the run over since.
  ///
  /// - Throws: ``LostRun``, or ``TrainingError`` where that cannot be told.
  func check() throws {
    let found = try RegularFile(path).contents(byteLimit: 100)
    guard found.elementsEqual("\(attempt)\n".utf8) else { throw LostRun(path: path) }
  }
}

/// Another start of the program owns the run now: this one has to leave its folder alone.
struct LostRun: Error, CustomStringConvertible, ExitStatusError {
  let path: String

  var description: String {
    "another attempt owns this run: \(path) is not as this one wrote it, so nothing more is saved"
  }

  /// A start would take the run back from the other one.
  var exitStatus: UInt8? { 2 }
}
