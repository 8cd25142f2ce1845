import Foundation

/// The checkpoints of a run, as one process finds them, sets them aside and removes them.
///
///     step-00001200/               *.safetensors, state.json, manifest.json, COMMIT
///     step-00001200.1/             of the same step, with more done since: see CheckpointName
///     .tmp-step-00001300.A.X/      being written by attempt A, X a nonce
///     .bad-step-00001100.X/        found damaged, and set aside
///     .old-step-00001400.X/        of a future that the run went back from
///     latest                       a hint: the truth is the highest one whose COMMIT is valid
///
/// A folder counts from the moment its COMMIT is there, which is last: the process may be killed at
/// any point of a save and the checkpoints before it are as they were.
struct CheckpointStore {
  /// The folder of the checkpoints.
  let folder: String

  let retention: Retention
  let operations: any FileOperations
  let warn: (String) -> Void

  /// The checkpoints in a folder. Nothing is read or written yet.
  ///
  /// - Parameters:
  ///   - retention: Which checkpoints stay when one is saved.
  ///   - warn: Is told of what a person should know and the run survives.
  init(
    folder: String, retention: Retention = Retention(newestCount: 2),
    operations: any FileOperations = DiskOperations(), warn: @escaping (String) -> Void
  ) {
    precondition(retention.newestCount >= 1, "a run keeps its newest checkpoint")
    self.folder = folder
    self.retention = retention
    self.operations = operations
    self.warn = warn
  }

  /// The checkpoint to go on from: the highest step whose files are as they were saved.
  ///
  /// Damaged ones that are newer are set aside and named in a warning. One that cannot be read, or is
  /// of another release, may be as good as ever: nothing older is taken in its place.
  ///
  /// - Returns: `nil` where nothing was ever saved.
  /// - Throws: ``TrainingError`` when there are checkpoints and none is valid, or of the newest that
  ///   may be cannot be told.
  func newestValid() throws -> Checkpoint? {
    let search = try search()
    if search.checkpoint != nil {
      for fault in search.faults { setAside(fault.name, reason: fault.reason) }
    } else {
      for name in search.uncommitted {
        try withdraw(name)
        warn(
          "\(path(of: name)) was never saved to its end: it is removed, and the run starts anew")
      }
    }
    return search.checkpoint
  }

  /// As ``newestValid()``, and nothing is changed or warned of: for who reads the checkpoints of a run
  /// that may be at work, and is another's.
  func newestValidAsItIs() throws -> Checkpoint? { try search().checkpoint }

  /// What a look at the checkpoints finds, from the newest on.
  private struct Search {
    /// The newest valid one; `nil` where nothing was ever saved.
    var checkpoint: Checkpoint?
    /// The newer ones that are damaged.
    var faults: [(name: CheckpointName, reason: String)] = []
    /// The newer ones that were not saved to their end.
    var uncommitted: [CheckpointName] = []
  }

  private func search() throws -> Search {
    var search = Search()
    for name in try checkpoints().sorted(by: >) {
      guard try isCommitted(name) else {
        search.uncommitted.append(name)
        continue
      }
      do {
        search.checkpoint = try Checkpoint(path: path(of: name))
        return search
      } catch let error as TrainingError where !error.leavesContentsOpen {
        search.faults.append((name, "\(error)"))
      }
    }
    // The first save of a run, killed just before its end, leaves one folder without COMMIT.
    guard search.faults.isEmpty, search.uncommitted.count <= 1 else {
      let reasons =
        search.faults.map(\.reason)
        + search.uncommitted.map { "\(path(of: $0)): COMMIT is missing" }
      throw TrainingError(
        folder, expected: "a valid checkpoint", found: reasons.joined(separator: "; "),
        advice: "restore one from a copy, or start over in another folder")
    }
    return search
  }

  /// Renames the checkpoints later than `name`, for a run that goes on from there; all of them for
  /// `nil`, for one that starts over. They stay on the disk until a person removes them.
  ///
  /// - Throws: ``TrainingError``.
  func setAside(after name: CheckpointName?) throws {
    for later in try checkpoints().sorted() where name.map({ later > $0 }) ?? true {
      guard try isCommitted(later) else {
        try withdraw(later)  // A save that was killed before its COMMIT left it.
        continue
      }
      let newPath = asidePath("old", later)
      try operations.rename(path(of: later), to: newPath)
      warn("the checkpoint \(later.text) is of another course of the run: now \(newPath)")
    }
  }

  /// Renames a damaged checkpoint, if it can be.
  func setAside(_ name: CheckpointName, reason: String) {
    let newPath = asidePath("bad", name)
    do {
      try operations.rename(path(of: name), to: newPath)
      warn("\(reason); the damaged checkpoint is now \(newPath)")
    } catch {
      warn("\(reason); the damaged checkpoint stays: \(error)")
    }
  }

  /// Removes what does not stay, and what was never committed, up to the newest.
  ///
  /// - Parameter newest: A checkpoint that was verified; what came later is left alone.
  func prune(through newest: CheckpointName) throws {
    for name in try removable(through: newest) { try withdraw(name) }
  }

  /// The checkpoints up to `newest` that do not stay.
  func removable(through newest: CheckpointName) throws -> [CheckpointName] {
    let earlier = try checkpoints().filter { $0 <= newest }.sorted()
    let kept = retention.kept(of: try earlier.filter(isCommitted))
    return earlier.filter { !kept.contains($0) }
  }

  /// Removes a checkpoint, its COMMIT first: what is left at any point does not count.
  func withdraw(_ name: CheckpointName) throws {
    let path = path(of: name)
    if try isCommitted(name) {
      try operations.remove("\(path)/\(Checkpoint.commitName)")
      try operations.synchronizeFolder(path)
    }
    try operations.remove(path)
  }

  // MARK: - Names

  /// The checkpoints that have a folder, committed or not.
  func checkpoints() throws -> [CheckpointName] {
    try folderNames().compactMap { CheckpointName($0) }
  }

  /// What is in the folder.
  func folderNames() throws -> [String] {
    do {
      return try FileManager.default.contentsOfDirectory(atPath: folder)
    } catch {
      throw TrainingError(
        folder, expected: "a folder that can be read", found: error.localizedDescription)
    }
  }

  /// Whether a checkpoint counts.
  ///
  /// - Throws: ``TrainingError`` where that cannot be told.
  func isCommitted(_ name: CheckpointName) throws -> Bool {
    try operations.exists("\(path(of: name))/\(Checkpoint.commitName)")
  }

  func path(of name: CheckpointName) -> String { "\(folder)/\(name.text)" }

  func asidePath(_ kind: String, _ name: CheckpointName) -> String {
    "\(folder)/.\(kind)-\(name.text).\(nonce())"
  }
}

/// A few characters that no other process chooses.
func nonce() -> String { String(UInt32.random(in: .min ... .max), radix: 16) }
