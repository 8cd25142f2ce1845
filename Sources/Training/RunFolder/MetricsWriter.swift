import Foundation

/// Appends records to a run's `metrics.jsonl`, each a line that is there as soon as it is written.
///
/// A run does not end because its log cannot be written: the first failure is told, once.
final class MetricsWriter {
  private let path: String
  private let descriptor: CInt
  private let warn: (String) -> Void
  private let encoder = JSONEncoder.stable()
  private var hasWarned = false
  private var isLineTorn = false

  /// Opens the file.
  ///
  /// - Parameters:
  ///   - step: The step of the checkpoint that the run goes on from: later records, those of the
  ///     run's end and a line that was torn when it was stopped are dropped. `nil` starts the file
  ///     anew.
  ///   - redoingEvaluation: Whether the evaluation at that step is made again: then its records are
  ///     dropped too.
  ///   - warn: Is told of the first line that cannot be written.
  /// - Throws: ``TrainingError`` when the file cannot be read or written.
  init(
    path: String, resumingAt step: Int?, redoingEvaluation: Bool = false,
    warn: @escaping (String) -> Void
  ) throws {
    self.path = path
    self.warn = warn
    if let step {
      try Self.dropRecords(in: path, afterStep: step, redoingEvaluation)
    }
    let flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | (step == nil ? O_TRUNC : 0)
    descriptor = open(path, flags, 0o644)
    guard descriptor >= 0 else {
      throw TrainingError(path, failed: "a file that can be written", errno: errno)
    }
  }

  deinit {
    // Every line was handed to the system when it was written.
    close(descriptor)
  }

  /// Appends a record.
  func write(_ record: MetricsRecord) {
    do {
      // A line that the disk had no room for the end of is ended first.
      let line = try Data((isLineTorn ? "\n" : "").utf8) + encoder.encode(record) + Data("\n".utf8)
      let count = line.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
      guard count == line.count else {
        isLineTorn = isLineTorn || count > 0
        throw TrainingError(path, failed: "to write a line", errno: count < 0 ? errno : ENOSPC)
      }
      isLineTorn = false
    } catch {
      tellOnce(error)
    }
  }

  /// Returns when the disk has all records: a checkpoint must not be ahead of them.
  func synchronize() {
    guard fsync(descriptor) != 0 else { return }
    tellOnce(TrainingError(path, failed: "the file to reach the disk", errno: errno))
  }

  private func tellOnce(_ error: any Error) {
    guard !hasWarned else { return }
    hasWarned = true
    warn("\(error): training goes on, and records are lost")
  }

  private struct Line: Decodable {
    let step: Int
    let phase: EvaluationPhase?
  }

  private static func dropRecords(
    in path: String, afterStep step: Int, _ redoingEvaluation: Bool
  ) throws {
    guard FileManager.default.fileExists(atPath: path) else { return }
    let decoder = JSONDecoder()
    let lines = try RegularFile(path).contents(byteLimit: 1 << 30)
      .split(separator: UInt8(ascii: "\n"))
    let kept = lines.filter { line in
      // What cannot be read was torn.
      guard let record = try? decoder.decode(Line.self, from: Data(line)) else { return false }
      guard let phase = record.phase else { return record.step <= step }
      return phase != .after && (redoingEvaluation ? record.step < step : record.step <= step)
    }
    let contents = Data(kept.map { $0 + [UInt8(ascii: "\n")] }.joined())
    try DiskOperations().replaceFile(path, contents: contents)
  }
}
