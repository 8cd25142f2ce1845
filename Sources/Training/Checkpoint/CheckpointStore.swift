import Foundation
import TorchNN

/// The checkpoints of a run, as one process saves and finds them.
///
///     step-00001200/             *.safetensors, state.json, manifest.json, COMMIT
///     .tmp-step-00001300.X/      being written, X a nonce
///     .bad-step-00001100.X/      found damaged, and set aside
///     .old-step-00001400.X/      of a future that the run went back from
///     latest                     a hint: the truth is the highest step whose COMMIT is valid
///
/// A folder counts from the moment its COMMIT is there, which is last: the process may be killed at
/// any point of a save and the checkpoints before it are as they were.
struct CheckpointStore {
  /// The folder of the checkpoints.
  let folder: String

  private let keep: Int
  private let operations: any FileOperations
  private let warn: (String) -> Void

  /// The checkpoints in a folder. Nothing is read or written yet.
  ///
  /// - Parameters:
  ///   - keep: How many checkpoints stay, the newest; at least 1.
  ///   - warn: Is told of what a person should know and the run survives.
  init(folder: String, keep: Int, warn: @escaping (String) -> Void) {
    self.init(folder: folder, keep: keep, operations: DiskOperations(), warn: warn)
  }

  init(
    folder: String, keep: Int, operations: any FileOperations, warn: @escaping (String) -> Void
  ) {
    precondition(keep >= 1, "a run keeps its newest checkpoint")
    self.folder = folder
    self.keep = keep
    self.operations = operations
    self.warn = warn
  }

  /// Saves a checkpoint; returns when the disk has it and it was read back and found good.
  ///
  /// Older ones beyond those to keep are then removed. A step that has a valid checkpoint is not
  /// saved again: the same step of the same run has the same contents, and a run that goes back
  /// calls ``setAside(afterStep:)`` first.
  ///
  /// - Parameters:
  ///   - step: Optimiser steps taken so far.
  ///   - files: The parameters for each file, by its name without the ending.
  ///   - state: Everything else; its numbers have to be finite.
  /// - Returns: The checkpoint's folder.
  /// - Throws: ``TrainingError``; the earlier checkpoints are then as they were.
  @discardableResult
  func save(
    step: Int, files: [String: [Parameter]], state: some Encodable
  ) throws -> String {
    let path = folderPath(of: step)
    if isCommitted(path) {
      do {
        return try Checkpoint(path: path).path
      } catch {
        try operations.rename(path, to: asidePath("bad", step))
        warn("\(error); the damaged checkpoint is set aside")
      }
    }
    let temporary = "\(folder)/.tmp-\(Self.name(of: step)).\(Self.nonce())"
    do {
      try removeLeftovers()
      try operations.remove(path)  // A save that was killed before its COMMIT left it.
      let manifest = try write(step: step, files: files, state: state, to: temporary)
      try operations.rename(temporary, to: path)
      try operations.synchronizeFolder(folder)
      try operations.replaceFile(
        "\(path)/\(Checkpoint.commitName)", contents: Checkpoint.commitContents(for: manifest))
      _ = try Checkpoint(path: path)
    } catch {
      abandon(temporary, path)
      throw TrainingError(
        "the checkpoint of step \(step)", expected: "to be saved", found: "\(error)",
        advice: "the earlier checkpoints are as they were")
    }
    do {
      try operations.replaceFile(
        "\(folder)/latest", contents: Data("\(Self.name(of: step))\n".utf8))
      try prune(through: step)
    } catch {
      warn("\(error); the checkpoint of step \(step) is saved, older ones may be left over")
    }
    return path
  }

  /// The checkpoint to go on from: the highest step whose files are as they were saved.
  ///
  /// Damaged ones that are newer are set aside and named in a warning.
  ///
  /// - Returns: `nil` where nothing was ever saved.
  /// - Throws: ``TrainingError`` when there are checkpoints and none is valid.
  func newestValid() throws -> Checkpoint? {
    var faults: [(step: Int, reason: String)] = []
    var uncommitted: [String] = []
    for step in try steps().sorted(by: >) {
      let path = folderPath(of: step)
      guard isCommitted(path) else {
        uncommitted.append(path)
        continue
      }
      do {
        let checkpoint = try Checkpoint(path: path)
        for fault in faults { setAside(fault.step, reason: fault.reason) }
        return checkpoint
      } catch {
        faults.append((step, "\(error)"))
      }
    }
    // The first save of a run, killed just before its end, leaves one folder without COMMIT.
    guard faults.isEmpty, uncommitted.count <= 1 else {
      let reasons = faults.map(\.reason) + uncommitted.map { "\($0): COMMIT is missing" }
      throw TrainingError(
        folder, expected: "a valid checkpoint", found: reasons.joined(separator: "; "),
        advice: "restore one from a copy, or start over in another folder")
    }
    for path in uncommitted { warn("\(path) was never saved to its end: the run starts anew") }
    return nil
  }

  /// Renames the checkpoints later than `step`, for a run that goes on from there; all of them for
  /// `nil`, for one that starts over. They stay on the disk until a person removes them.
  ///
  /// - Throws: ``TrainingError``.
  func setAside(afterStep step: Int?) throws {
    for later in try steps().sorted() where step.map({ later > $0 }) ?? true {
      let newPath = asidePath("old", later)
      try operations.rename(folderPath(of: later), to: newPath)
      warn("the checkpoint of step \(later) is of another course of the run: now \(newPath)")
    }
  }

  // MARK: - Saving

  /// Writes all files but COMMIT and returns the manifest's bytes.
  private func write(
    step: Int, files: [String: [Parameter]], state: some Encodable, to path: String
  ) throws -> Data {
    try operations.createFolder(path)
    for (name, parameters) in files.sorted(by: { $0.key < $1.key }) {
      try operations.createTensorFile(
        "\(path)/\(Checkpoint.tensorFileName(name))", parameters: parameters)
    }
    try operations.createFile(
      "\(path)/\(Checkpoint.stateName)",
      contents: JSONEncoder.stable(.prettyPrinted).encode(state) + Data("\n".utf8))
    let names = files.keys.map(Checkpoint.tensorFileName) + [Checkpoint.stateName]
    let manifest = try CheckpointManifest(
      step: step,
      files: names.map { name in
        let file = try RegularFile("\(path)/\(name)", followsLink: false)
        return try CheckpointManifest.File(
          name: name, size: file.byteCount, sha256: file.sha256())
      }
    ).encoded()
    try operations.createFile("\(path)/\(CheckpointManifest.fileName)", contents: manifest)
    try operations.synchronizeFolder(path)
    return manifest
  }

  /// Takes back what a failed save wrote.
  private func abandon(_ temporary: String, _ path: String) {
    do {
      try operations.remove(temporary)
      try withdraw(path)
    } catch {
      warn("\(error); what is left of the failed save is removed by the next one")
    }
  }

  /// Removes a checkpoint, its COMMIT first: what is left at any point does not count.
  private func withdraw(_ path: String) throws {
    if isCommitted(path) {
      try operations.remove("\(path)/\(Checkpoint.commitName)")
      try operations.synchronizeFolder(path)
    }
    try operations.remove(path)
  }

  /// Removes all but the newest checkpoints up to `step`, and what was never committed.
  private func prune(through step: Int) throws {
    let committed = try steps().filter { isCommitted(folderPath(of: $0)) }
    let kept =
      committed.filter { $0 > step } + committed.filter { $0 <= step }.sorted().suffix(keep)
    for step in try steps() where !kept.contains(step) { try withdraw(folderPath(of: step)) }
  }

  /// Removes what earlier saves left that were killed or failed, if it can be.
  private func removeLeftovers() throws {
    for name in try names() where name.wholeMatch(of: /\.tmp-step-\d{8,}\.[0-9a-f]+/) != nil {
      do {
        try operations.remove("\(folder)/\(name)")
      } catch {
        warn("\(error); the next save tries again")
      }
    }
  }

  // MARK: - Names

  private func setAside(_ step: Int, reason: String) {
    let newPath = asidePath("bad", step)
    do {
      try operations.rename(folderPath(of: step), to: newPath)
      warn("\(reason); the damaged checkpoint is now \(newPath)")
    } catch {
      warn("\(reason); the damaged checkpoint stays: \(error)")
    }
  }

  /// The steps that have a folder, committed or not.
  private func steps() throws -> [Int] {
    try names().compactMap { name in
      guard let match = name.wholeMatch(of: /step-(\d{8,18})/), let step = Int(match.1),
        name == Self.name(of: step)
      else { return nil }
      return step
    }
  }

  private func names() throws -> [String] {
    do {
      return try FileManager.default.contentsOfDirectory(atPath: folder)
    } catch {
      throw TrainingError(
        folder, expected: "a folder that can be read", found: error.localizedDescription)
    }
  }

  private func isCommitted(_ path: String) -> Bool {
    var status = stat()
    return lstat("\(path)/\(Checkpoint.commitName)", &status) == 0
  }

  private func folderPath(of step: Int) -> String { "\(folder)/\(Self.name(of: step))" }

  private func asidePath(_ kind: String, _ step: Int) -> String {
    "\(folder)/.\(kind)-\(Self.name(of: step)).\(Self.nonce())"
  }

  private static func name(of step: Int) -> String {
    precondition(step >= 0, "steps are counted from 0")
    let digits = String(step)
    return "step-" + String(repeating: "0", count: max(0, 8 - digits.count)) + digits
  }

  private static func nonce() -> String { String(UInt32.random(in: .min ... .max), radix: 16) }
}
