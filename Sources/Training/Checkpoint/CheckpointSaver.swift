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
/// of its own, and another one on rank 0 makes a checkpoint of them as soon as all are there.
///
/// These threads know nothing of MPI. In ``begin(step:groups:state:)`` the tensors are copied; later,
/// when the ranks talk to each other anyway, they learn that no thread ``isBusy`` any more and take
/// the next turn with ``advance()``: there they agree on what became of the save, which does not wait
/// for that. All methods but those that say otherwise are collective.
final class CheckpointSaver {
  private let communicator: Communicator
  private let folder: String
  private let operations: any FileOperations
  /// Which checkpoints stay from the next save on.
  var retention: Retention
  /// On rank 0 alone.
  private let owner: RunOwner?
  private let warn: (String) -> Void
  private var stage = Stage.idle

  /// What a thread has written.
  private struct Done: Sendable {
    let files: WrittenParts.Files
    let seconds: Double
  }

  private enum Stage {
    case idle
    /// The ranks write their files.
    case writing(Save, BackgroundWork<Done>)
    /// They are written; rank 0 makes a checkpoint of them, and the others have nothing to do.
    case committing(Save)
  }

  private struct Save {
    let name: CheckpointName
    let folder: String
    let start: ContinuousClock.Instant
    /// On rank 0 alone.
    let commit: (parts: WrittenParts, work: BackgroundWork<Commit?>)?
    /// Of this rank's thread for its files.
    var writingSeconds = 0.0
  }

  private struct Commit: Sendable {
    /// The bytes of the files, or why it failed.
    let byteCount: Result<Int, any Error>
    let warnings: [String]
    let seconds: Double
    let end: ContinuousClock.Instant
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
    case .committing(let save): save.commit.map { !$0.work.isDone } ?? false
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
    let writing = BackgroundWork { [operations, rank = communicator.rank] in
      let start = ContinuousClock.now
      let files = try part.write(to: folder, by: operations)
      if rank > 0 { try WrittenParts.leave(files, of: rank, in: folder, by: operations) }
      return Done(files: files, seconds: (.now - start) / .seconds(1))
    }
    stage = .writing(
      Save(
        name: name, folder: folder, start: start,
        commit: isFirst ? commit(folder, as: name, after: writing) : nil),
      writing)
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
      try agree(on: work, of: &save)
      stage = .committing(save)
      return nil
    case .committing(let save):
      stage = .idle
      return try communicator.agreed {
        guard let commit = try save.commit?.work.wait() else { return nil }
        commit.warnings.forEach(warn)
        return SavedCheckpoint(
          name: save.name, byteCount: try commit.byteCount.get(),
          seconds: (commit.end - save.start) / .seconds(1),
          workSeconds: save.writingSeconds + commit.seconds)
      }
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

  /// Tells rank 0's thread what all ranks have written, or that the save is given up.
  private func agree(on work: BackgroundWork<Done>, of save: inout Save) throws {
    do {
      let done = try communicator.agreed { try work.wait() }
      save.writingSeconds = done.seconds
      let parts = try communicator.gather(Array(JSONEncoder.stable().encode(done.files)))
      guard let parts else { return }
      save.commit?.parts.handOver(
        try parts.flatMap { try JSONDecoder().decode(WrittenParts.Files.self, from: Data($0)) })
    } catch let failure as AgreedFailure {
      // A rank whose last operation failed, and took effect, has left all that a checkpoint needs.
      let isGivenUp = save.commit.map { $0.parts.giveUp() } ?? true
      guard try communicator.allReduce(UInt8(isGivenUp ? 1 : 0), by: .min) == 1 else {
        if communicator.rank == 0 { warn("\(failure); all files were there before that") }
        return
      }
      if let commit = save.commit {
        _ = try commit.work.wait()
        makeStore(warn).abandon(save.folder)
      }
      throw failure
    }
  }

  /// Makes a checkpoint, on rank 0, once all ranks' files are there.
  private func commit(
    _ folder: String, as name: CheckpointName, after writing: BackgroundWork<Done>
  ) -> (parts: WrittenParts, work: BackgroundWork<Commit?>) {
    let rankCount = communicator.size
    let parts = WrittenParts(in: folder, rankCount: rankCount)
    return (
      parts,
      BackgroundWork { [makeStore, owner] in
        // What rank 0 could not write it says itself.
        guard let own = try? writing.wait(), let files = parts.wait(besides: own.files) else {
          return nil
        }
        let start = ContinuousClock.now
        var warnings: [String] = []
        let byteCount = Result {
          try makeStore { warnings.append($0) }.commit(
            folder, as: name, files: files, rankCount: rankCount,
            checkOwner: { try owner?.check() })
        }
        let end = ContinuousClock.now
        return Commit(
          byteCount: byteCount, warnings: warnings, seconds: (end - start) / .seconds(1), end: end)
      }
    )
  }
}
