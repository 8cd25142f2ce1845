import Foundation
import TorchNN

/// A save, in the order of its parts: `begin`, the files of all ranks, `commit` or `abandon`.
extension CheckpointStore {
  /// Makes the folder that the files of a checkpoint are written to.
  ///
  /// - Parameter attempt: Identifies the start of the program that saves.
  /// - Returns: Its path.
  func begin(_ name: CheckpointName, attempt: String) throws -> String {
    let path = "\(folder)/.tmp-\(name.text).\(attempt).\(nonce())"
    do {
      try operations.createFolder(path)
      try operations.synchronizeFolder(folder)
    } catch {
      abandon(path)
      throw error
    }
    return path
  }

  /// Turns a folder with the files of all ranks into a checkpoint; returns when the disk has it and
  /// it was read back and found good. Older ones that do not stay are then removed.
  ///
  /// - Parameters:
  ///   - temporary: What ``begin(_:attempt:)`` returned.
  ///   - files: What all ranks wrote there.
  ///   - rankCount: The ranks, those that left a file which says what they wrote.
  ///   - checkOwner: Throws where another start of the program has taken over the run.
  /// - Returns: The bytes of the files.
  /// - Throws: The reason, when nothing of it is left; the earlier checkpoints are then as they were.
  func commit(
    _ temporary: String, as name: CheckpointName, files: [CheckpointManifest.File],
    rankCount: Int = 1, checkOwner: () throws -> Void = {}
  ) throws -> Int {
    let path = path(of: name)
    let byteCount: Int
    do {
      try checkOwner()
      removeLeftovers(butNot: temporary)
      try operations.remove(path)  // A save that was killed before its COMMIT left it.
      try WrittenParts.remove(ofRanks: rankCount, in: temporary, by: operations)
      let manifest = try CheckpointManifest(step: name.step, files: files).encoded()
      try operations.createFile("\(temporary)/\(CheckpointManifest.fileName)", contents: manifest)
      try operations.synchronizeFolder(temporary)
      try operations.rename(temporary, to: path)
      try operations.synchronizeFolder(folder)
      try checkOwner()
      try operations.replaceFile(
        "\(path)/\(Checkpoint.commitName)", contents: Checkpoint.commitContents(for: manifest))
      byteCount = try Checkpoint(path: path, awaitsNames: true).byteCount
    } catch {
      abandon(temporary)
      do {
        // Of a run that is another's by now, so may be what has this name.
        try checkOwner()
        try withdraw(name)
      } catch {
        warn("\(error); what is left of the failed save is removed by the next one")
      }
      throw error
    }
    do {
      try operations.replaceFile("\(folder)/latest", contents: Data("\(name.text)\n".utf8))
      try prune(through: name)
    } catch {
      warn("\(error); the checkpoint \(name.text) is saved, older ones may be left over")
    }
    return byteCount
  }

  /// Takes back what a failed save wrote.
  func abandon(_ temporary: String) {
    do {
      try operations.remove(temporary)
    } catch {
      warn("\(error); what is left of the failed save is removed by the next one")
    }
  }

  /// The name for another save of a step: that of none which is committed.
  func freeName(ofStep step: Int) throws -> CheckpointName {
    let last = try checkpoints().filter { try $0.step == step && isCommitted($0) }.max()
    return CheckpointName(step: step, revision: last.map { $0.revision + 1 } ?? 0)
  }

  /// Saves a checkpoint by one process alone.
  ///
  /// A step that has a valid checkpoint is not saved again: here the same step of the same run has the
  /// same contents.
  ///
  /// - Parameters:
  ///   - step: Optimiser steps taken so far.
  ///   - groups: The tensors.
  ///   - state: Everything else; its numbers have to be finite.
  /// - Throws: ``TrainingError``; the earlier checkpoints are then as they were.
  func save(step: Int, groups: [CheckpointGroup], state: some Encodable) throws {
    let name = CheckpointName(step: step)
    do {
      if try isCommitted(name) {
        do {
          _ = try Checkpoint(path: path(of: name))
          return
        } catch let error as TrainingError where !error.leavesContentsOpen {
          setAside(name, reason: "\(error)")
        }
      }
      let part = try CheckpointPart(
        of: groups, rank: 0, rankCount: 1, state: CheckpointPart.encoded(state))
      let temporary = try begin(name, attempt: "0")
      do {
        _ = try commit(temporary, as: name, files: part.write(to: temporary, by: operations))
      } catch {
        abandon(temporary)
        throw error
      }
    } catch {
      throw TrainingError(
        "the checkpoint of step \(step)", expected: "to be saved", found: "\(error)",
        advice: "the earlier checkpoints are as they were")
    }
  }

  /// Removes what earlier saves left that were killed or failed, if it can be.
  private func removeLeftovers(butNot temporary: String) {
    do {
      for name in try folderNames()
      where name.wholeMatch(of: /\.tmp-step-\d{8,}(\.\d+)?(\.[0-9a-f]+){1,2}/) != nil {
        let path = "\(folder)/\(name)"
        if path != temporary { try operations.remove(path) }
      }
    } catch {
      warn("\(error); the next save tries again")
    }
  }
}
