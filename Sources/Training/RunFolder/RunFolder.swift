import Foundation

/// The folder that a run writes everything to.
struct RunFolder: Sendable {
  /// Its path.
  let path: String

  /// One JSON object a line: see ``MetricsRecord``.
  var metrics: String { "\(path)/metrics.jsonl" }
  /// The run in a few numbers: see ``Summary``.
  var summary: String { "\(path)/summary.json" }
  /// The configuration with all defaults filled in.
  var configuration: String { "\(path)/config.yaml" }
  /// Tells the run from others: see ``RunIdentity``.
  var identity: String { "\(path)/run.json" }
  /// Whose the run is: see ``RunOwner``.
  var attempt: String { "\(path)/attempt" }
  /// The folder of event files: see ``EventLog``.
  var tensorboard: String { "\(path)/tensorboard" }
  /// The folder of the scores that were paid for: see ``ScoreLedger``.
  static func ledger(in path: String) -> String { "\(path)/ledger" }
  /// The folder of image grids.
  var samples: String { "\(path)/samples" }
  /// The folder of a ``CheckpointStore``.
  var checkpoints: String { Self.checkpoints(in: path) }

  /// The folder of the checkpoints of a run in `path`.
  static func checkpoints(in path: String) -> String { "\(path)/checkpoints" }

  /// Makes the folder and those in it where they are missing, with the folders above.
  ///
  /// - Throws: ``TrainingError`` when that cannot be, or nothing can be written there.
  init(path: String) throws {
    self.path = path
    for folder in [path, samples, checkpoints] {
      try Self.makeFolder(folder, advice: Self.advice)
      guard access(folder, W_OK | X_OK) == 0 else {
        throw TrainingError(
          folder, failed: "a folder that can be written to", errno: errno, advice: Self.advice)
      }
    }
  }

  /// What to do where the folder is of no use.
  static let advice = "set run.output to a folder of yours"

  /// Makes a folder, with those above, where it is missing.
  ///
  /// - Throws: ``TrainingError`` with `advice`.
  static func makeFolder(_ path: String, advice: String) throws {
    if mkdir(path, 0o755) == 0 { return }
    let code = errno
    let parent = (path as NSString).deletingLastPathComponent
    switch code {
    case ENOENT where !parent.isEmpty && parent != path:
      try makeFolder(parent, advice: advice)
      guard mkdir(path, 0o755) == 0 else {
        throw TrainingError(path, failed: "a new folder", errno: errno, advice: advice)
      }
    case EEXIST where isFolder(path):
      return
    case EEXIST:
      throw TrainingError(
        path, expected: "a folder, or nothing yet", found: "a file", advice: advice)
    case ENOTDIR:
      let file = sequence(first: parent) { ($0 as NSString).deletingLastPathComponent }
        .first { FileManager.default.fileExists(atPath: $0) || $0.count <= 1 }
      throw TrainingError(
        path, expected: "a path below folders only", found: "the file \(file ?? parent) in it",
        advice: advice)
    default:
      throw TrainingError(path, failed: "a new folder", errno: code, advice: advice)
    }
  }

  private static func isFolder(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }
}
