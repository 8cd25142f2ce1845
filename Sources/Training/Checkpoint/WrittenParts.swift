import Foundation
import Synchronization

/// What the ranks have written of a checkpoint, as rank 0's thread learns it: from `part-1.json` and
/// so on, which the other ranks leave beside their files, or from those who train, who ask each other
/// over MPI, whichever is first. They may draw images for hours before they do.
final class WrittenParts: Sendable {
  typealias Files = [CheckpointManifest.File]

  private enum State {
    case awaited
    case known(Files)
    case givenUp
  }

  private let folder: String
  private let rankCount: Int
  private let state = Mutex(State.awaited)
  private let isDecided = DispatchSemaphore(value: 0)

  /// The parts of a save in a folder.
  init(in folder: String, rankCount: Int) {
    self.folder = folder
    self.rankCount = rankCount
  }

  // MARK: - On rank 0's thread

  /// Waits for the files of all ranks; `nil` where they are given up.
  ///
  /// - Parameter own: Those of rank 0.
  func wait(besides own: Files) -> Files? {
    var parts: [Int: Files] = [:]
    var pause = 0.1
    while true {
      for rank in 1..<max(1, rankCount) where parts[rank] == nil { parts[rank] = part(of: rank) }
      if parts.count == rankCount - 1 { decide(.known(own + parts.values.joined())) }
      switch state.withLock({ $0 }) {
      case .known(let files): return files
      case .givenUp: return nil
      case .awaited: break
      }
      _ = isDecided.wait(timeout: .now() + pause)
      pause = min(1, 1.5 * pause)
    }
  }

  /// What a rank has written; `nil` as long as that cannot be read, for whatever reason: it comes over
  /// MPI too.
  private func part(of rank: Int) -> Files? {
    let file = try? RegularFile("\(folder)/\(Self.fileName(rank))", followsLink: false)
      .contents(byteLimit: CheckpointManifest.byteLimit)
    return file.flatMap { try? JSONDecoder().decode(Files.self, from: Data($0)) }
  }

  // MARK: - On the thread that trains

  /// Says what all ranks have written.
  func handOver(_ files: Files) { decide(.known(files)) }

  /// Gives the save up, unless it goes on already: then all ranks' files were there.
  ///
  /// - Returns: Whether it is given up.
  func giveUp() -> Bool {
    decide(.givenUp)
    return state.withLock {
      guard case .givenUp = $0 else { return false }
      return true
    }
  }

  private func decide(_ decision: State) {
    state.withLock {
      guard case .awaited = $0 else { return }
      $0 = decision
    }
    isDecided.signal()
  }

  // MARK: - Files

  /// Leaves a file that says what a rank other than 0 has written. It is there at once and whole.
  static func leave(
    _ files: Files, of rank: Int, in folder: String, by operations: any FileOperations
  ) throws {
    let temporary = "\(folder)/.\(fileName(rank))"
    try operations.createFile(temporary, contents: JSONEncoder.stable().encode(files))
    try operations.rename(temporary, to: "\(folder)/\(fileName(rank))")
  }

  /// Removes the files that say what ranks have written: they are no part of a checkpoint.
  static func remove(
    ofRanks rankCount: Int, in folder: String, by operations: any FileOperations
  ) throws {
    for rank in 1..<max(1, rankCount) {
      let path = "\(folder)/\(fileName(rank))"
      // What came over MPI may be here before its name can be seen.
      awaitName(path)
      try operations.remove(path)
    }
  }

  private static func fileName(_ rank: Int) -> String { "part-\(rank).json" }
}
