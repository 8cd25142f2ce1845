import Foundation

/// What a launcher keeps in the run folder beside the run's own files.
///
/// - `.launch.lock`: held while a launcher is at work;
/// - `launch.jsonl`: a line for each start and what came of it.
final class RunRecords {
  /// One start of the ranks.
  struct Attempt: Codable {
    var start: Date
    var seconds: Double
    var command: [String]
    var status: Int32
    var reason: String?
    var blamedHosts: [String]
    var step: Int?
    var committedStep: Int?
  }

  private let folder: String
  private let lock: CInt

  /// Takes the folder, which is made where it is missing.
  ///
  /// - Throws: ``SupervisionError`` where another launcher has it.
  init(folder: String) throws(SupervisionError) {
    self.folder = folder
    do {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    } catch {
      throw SupervisionError(
        folder, expected: "a folder that can be written to",
        found: "'\(error.localizedDescription)'", advice: "set run.output to a folder of yours")
    }
    let path = "\(folder)/.launch.lock"
    lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
    guard lock >= 0 else {
      throw SupervisionError(
        path, failed: "a file that can be written to", errno: errno,
        advice: "set run.output to a folder of yours")
    }
    // Some shared file systems have no locks: there nobody is kept out.
    guard flock(lock, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK else {
      close(lock)
      throw SupervisionError(
        folder, expected: "a run folder without a launcher", found: "another one at work",
        advice: "wait for its end, or choose another run.output")
    }
  }

  deinit { close(lock) }

  /// The newest checkpoint that was committed; `nil` where there is none.
  ///
  /// - Throws: ``SupervisionError`` where that cannot be told.
  func newestCheckpoint() throws(SupervisionError) -> CommittedCheckpoint? {
    let checkpoints = "\(folder)/checkpoints"
    let names: [String]
    do {
      names = try FileManager.default.contentsOfDirectory(atPath: checkpoints)
    } catch CocoaError.fileReadNoSuchFile {
      return nil
    } catch {
      throw SupervisionError(
        checkpoints, expected: "a folder that can be read",
        found: "'\(error.localizedDescription)'")
    }
    var newest: CommittedCheckpoint?
    for name in names {
      guard let found = try CommittedCheckpoint(name, in: checkpoints) else { continue }
      if newest.map({ ($0.step, $0.revision) < (found.step, found.revision) }) ?? true {
        newest = found
      }
    }
    return newest
  }

  /// Adds a line to launch.jsonl.
  ///
  /// - Throws: ``SupervisionError``.
  func add(_ attempt: Attempt) throws(SupervisionError) {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    encoder.dateEncodingStrategy = .iso8601
    let path = "\(folder)/launch.jsonl"
    let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
    guard descriptor >= 0, let line = try? encoder.encode(attempt) + Data("\n".utf8) else {
      throw SupervisionError(path, failed: "a file that can be written to", errno: errno)
    }
    defer { close(descriptor) }
    let count = line.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
    guard count == line.count else {
      throw SupervisionError(path, failed: "room for a line", errno: errno)
    }
  }
}
