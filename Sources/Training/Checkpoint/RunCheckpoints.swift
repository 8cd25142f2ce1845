import Foundation

/// The checkpoints of a run, for a person to list, verify and remove.
public struct RunCheckpoints {
  /// What can be said of a checkpoint without reading its tensors.
  public struct Entry: Encodable, Sendable {
    /// Its folder's name.
    public let name: String
    /// Optimiser steps taken when it was saved.
    public let step: Int
    /// Epochs done; `nil` where it is of no training run.
    public var epoch: Int?
    /// Whether trajectories of an epoch under way are in it.
    public var holdsRollouts = false
    /// The bytes of its files.
    public var byteCount = 0
    /// When it was saved.
    public var date: Date?
    /// Whether it is the best by `checkpoint.best`, as far as the newest knows.
    public var isBest = false
    /// Why it does not count; `nil` where it does, unless its files are damaged.
    public var fault: String?
  }

  private let runPath: String
  private let folder: String

  /// The checkpoints in the folder of a run.
  ///
  /// - Throws: ``TrainingError`` where it holds none.
  public init(ofRun path: String) throws {
    runPath = path
    folder = RunFolder.checkpoints(in: path)
    guard FileManager.default.fileExists(atPath: folder) else {
      throw TrainingError(
        path, expected: "the folder of a run", found: "one without checkpoints/",
        advice: "it is run.output of the run")
    }
  }

  /// All of them, the oldest first.
  public func list() throws -> [Entry] {
    let store = CheckpointStore(folder: folder, warn: { _ in })
    let names = try store.checkpoints().sorted()
    let best = Retention(
      newestCount: 1,
      bestStep: try names.last(where: store.isCommitted).flatMap {
        bestStep(of: store.path(of: $0))
      }
    ).best(of: try names.filter(store.isCommitted))
    return names.map { name in
      let path = store.path(of: name)
      var entry = Entry(name: name.text, step: name.step, isBest: name == best)
      do {
        guard try store.isCommitted(name) else {
          entry.fault = "was never saved to its end"
          return entry
        }
        let checkpoint = try Checkpoint(path: path, verification: .never)
        entry.byteCount = checkpoint.byteCount
        entry.holdsRollouts = checkpoint.holds(Rollout.groupName)
        // Pre-training saves another state.
        entry.epoch = try? checkpoint.state(as: TrainingState.self).epoch
        let attributes = try FileManager.default.attributesOfItem(
          atPath: "\(path)/\(Checkpoint.commitName)")
        entry.date = attributes[.modificationDate] as? Date
      } catch {
        entry.fault = "\(error)"
      }
      return entry
    }
  }

  /// The step of the best checkpoint, as the one at `path` knows it; `nil` where it knows none.
  private func bestStep(of path: String) -> Int? {
    let checkpoint = try? Checkpoint(path: path, verification: .never)
    return try? checkpoint?.state(as: TrainingState.self).best?.step
  }

  /// Reads and checks all of the checkpoints at `path`: a run's, or one.
  ///
  /// - Parameter report: Is given the path of each, and what is wrong with it, if anything is.
  /// - Throws: ``TrainingError`` where there is none.
  public static func verify(
    _ path: String, report: (_ checkpoint: String, _ fault: String?) -> Void
  ) throws {
    var paths = [path]
    if !FileManager.default.fileExists(atPath: "\(path)/\(CheckpointManifest.fileName)") {
      let checkpoints = try RunCheckpoints(ofRun: path)
      paths = try checkpoints.list().map { "\(checkpoints.folder)/\($0.name)" }
    }
    guard !paths.isEmpty else {
      throw TrainingError(path, expected: "checkpoints", found: "none")
    }
    for path in paths {
      do {
        _ = try Checkpoint(path: path)
        report(path, nil)
      } catch {
        report(path, "\(error)")
      }
    }
  }

  /// Removes the older ones of a run that is not at work, but for the best by `checkpoint.best`.
  ///
  /// - Parameters:
  ///   - keep: How many of the newest stay, 1 at least.
  ///   - keepEvery: Those of steps that this divides stay too; 0: none.
  ///   - isDryRun: Whether nothing is removed.
  /// - Returns: The names of what was removed, or would be.
  /// - Throws: ``TrainingError`` where a run is at work, or the newest is not valid: then nothing is
  ///   removed.
  public func prune(keep: Int, keepEvery: Int, isDryRun: Bool) throws -> [String] {
    let lock = isDryRun ? nil : try RunFolderLock(folder: runPath, patience: 0)
    let all = CheckpointStore(folder: folder, warn: { _ in })
    guard let newest = try all.checkpoints().filter(all.isCommitted).max() else {
      throw TrainingError(folder, expected: "a checkpoint", found: "none")
    }
    // Nothing goes before what stays was read.
    let path = all.path(of: newest)
    _ = try Checkpoint(path: path)
    let store = CheckpointStore(
      folder: folder,
      retention: Retention(
        newestCount: keep, everySteps: keepEvery, bestStep: bestStep(of: path)),
      warn: { _ in })
    let removed = try store.removable(through: newest)
    return try withExtendedLifetime(lock) {
      if !isDryRun { try store.prune(through: newest) }
      return removed.map(\.text)
    }
  }
}
