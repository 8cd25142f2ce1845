import Foundation
import MPI
import Synchronization

/// What a save took.
struct SavedCheckpoint: Sendable, Equatable {
  let name: CheckpointName
  /// Of all files, over all ranks.
  let byteCount: Int
  /// From its begin until it counted, with training in between.
  let seconds: Double
  /// Of them those that rank 0's threads were at work: what it takes where training waits.
  let workSeconds: Double
}

/// Saves checkpoints with all ranks while training goes on: each rank's files are written by a thread
/// of its own, and rank 0's then makes a checkpoint of them.
///
/// These threads know nothing of MPI. In ``begin(step:groups:state:)`` the tensors are copied; later,
/// when the ranks talk to each other anyway, they learn that no thread ``isBusy`` any more and take
/// the next turn with ``advance()``. All methods but those that say otherwise are collective.
final class CheckpointSaver {
  private let communicator: Communicator
  private let folder: String
  private let operations: any FileOperations
  /// Which checkpoints stay from the next commit on.
  var retention: Retention
  /// On rank 0 alone.
  private let owner: RunOwner?
  private let warn: (String) -> Void
  private var stage = Stage.idle

  private typealias Files = [CheckpointManifest.File]

  /// What a thread did.
  private struct Done<Value: Sendable>: Sendable {
    let value: Value
    let seconds: Double
    let end: ContinuousClock.Instant
  }

  private enum Stage {
    case idle
    /// The ranks write their files.
    case writing(Save, BackgroundWork<Done<Files>>)
    /// Rank 0 makes a checkpoint of them; the others have nothing to do.
    case committing(Save, BackgroundWork<Done<Commit>>?)
  }

  private struct Save {
    let name: CheckpointName
    let folder: String
    let start: ContinuousClock.Instant
    /// Of this rank's thread for its files.
    var writingSeconds = 0.0
  }

  private struct Commit: Sendable {
    let byteCount: Int
    let warnings: [String]
  }

  /// A saver that has nothing to do yet.
  ///
  /// - Parameters:
  ///   - folder: The folder of the checkpoints, the same on all ranks.
  ///   - owner: Knows on rank 0 whether the run is still this program's.
  ///   - warn: Is told on rank 0 of what a person should know and the run survives.
  init(
    _ communicator: Communicator, folder: String, retention: Retention, owner: RunOwner?,
    operations: any FileOperations = DiskOperations(), warn: @escaping (String) -> Void
  ) {
    self.communicator = communicator
    self.owner = owner
    self.warn = warn
    self.folder = folder
    self.retention = retention
    self.operations = operations
  }

  /// The checkpoints, also for use by a thread.
  private var makeStore: @Sendable (_ warn: @escaping (String) -> Void) -> CheckpointStore {
    { [folder, retention, operations] warn in
      CheckpointStore(folder: folder, retention: retention, operations: operations, warn: warn)
    }
  }

  /// Whether a save is under way; the same on all ranks, and not collective.
  var isIdle: Bool {
    guard case .idle = stage else { return false }
    return true
  }

  /// Whether this rank's thread is at work; not collective.
  var isBusy: Bool {
    switch stage {
    case .idle: false
    case .writing(_, let work): !work.isDone
    case .committing(_, let work): work.map { !$0.isDone } ?? false
    }
  }

  /// Copies the tensors, and begins to write them.
  ///
  /// - Parameters:
  ///   - groups: The tensors; the same names in the same order on all ranks.
  ///   - state: What is saved beside them; rank 0's is.
  /// - Throws: `AgreedFailure`; nothing is then under way.
  func begin(step: Int, groups: [CheckpointGroup], state: some Encodable) throws {
    precondition(isIdle, "one save at a time")
    let start = ContinuousClock.now
    let store = makeStore(warn)
    let isFirst = communicator.rank == 0
    // Before a folder is made: copying may fail, on any rank.
    let part = try communicator.agreed {
      try CheckpointPart(
        of: groups, rank: communicator.rank, rankCount: communicator.size,
        state: isFirst ? CheckpointPart.encoded(state) : nil)
    }
    let names = try communicator.agreed {
      guard isFirst else { return "" }
      let name = try store.freeName(ofStep: step)
      return "\(name.text)\n\(try store.begin(name, attempt: owner?.attempt ?? "0"))"
    }
    // Other ranks hear of names from rank 0: what they see of a folder may be a minute old.
    let agreedNames = try communicator.broadcast(isFirst ? names : nil)
    let lines = agreedNames.split(separator: "\n", maxSplits: 1)
    guard lines.count == 2, let name = CheckpointName(lines[0]) else {
      preconditionFailure("rank 0 names a checkpoint and its folder")
    }
    let folder = String(lines[1])
    stage = .writing(
      Save(name: name, folder: folder, start: start),
      Self.timed { [makeStore] in
        try part.write(to: folder, by: makeStore({ _ in }).operations)
      })
  }

  /// Takes the next turn, when no rank is busy.
  ///
  /// - Returns: What was saved, when it is; on rank 0.
  /// - Throws: `AgreedFailure` when the save failed, which is then abandoned by all.
  func advance() throws -> SavedCheckpoint? {
    switch stage {
    case .idle: return nil
    case .writing(var save, let work):
      stage = .idle
      let files = try gather(work, of: &save)
      stage = .committing(save, files.map { commit(save, $0) })
      return nil
    case .committing(let save, let work):
      stage = .idle
      let commit = try communicator.agreed { try work?.wait() }
      guard let commit else { return nil }
      commit.value.warnings.forEach(warn)
      return SavedCheckpoint(
        name: save.name, byteCount: commit.value.byteCount,
        seconds: (commit.end - save.start) / .seconds(1),
        workSeconds: save.writingSeconds + commit.seconds)
    }
  }

  /// Waits for the end of a save that is under way.
  ///
  /// - Returns: What was saved; on rank 0. `nil` where no save was under way.
  /// - Throws: `AgreedFailure` when it failed.
  func finish() throws -> SavedCheckpoint? {
    var saved: SavedCheckpoint?
    // The turns wait for the threads.
    while !isIdle { saved = try advance() }
    return saved
  }

  /// All ranks' files, on rank 0.
  private func gather(_ work: BackgroundWork<Done<Files>>, of save: inout Save) throws -> Files? {
    do {
      let done = try communicator.agreed { try work.wait() }
      save.writingSeconds = done.seconds
      let parts = try Array(JSONEncoder.stable().encode(done.value))
      let all = try communicator.gather(parts)
      return try all?.flatMap { try JSONDecoder().decode(Files.self, from: Data($0)) }
    } catch let failure as AgreedFailure {
      if communicator.rank == 0 { makeStore(warn).abandon(save.folder) }
      throw failure
    }
  }

  private func commit(_ save: Save, _ files: Files) -> BackgroundWork<Done<Commit>> {
    Self.timed { [makeStore, owner] in
      var warnings: [String] = []
      let byteCount = try makeStore { warnings.append($0) }.commit(
        save.folder, as: save.name, files: files, checkOwner: { try owner?.check() })
      return Commit(byteCount: byteCount, warnings: warnings)
    }
  }

  private static func timed<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value)
    -> BackgroundWork<Done<Value>>
  {
    BackgroundWork {
      let start = ContinuousClock.now
      let value = try work()
      let end = ContinuousClock.now
      return Done(value: value, seconds: (end - start) / .seconds(1), end: end)
    }
  }
}
