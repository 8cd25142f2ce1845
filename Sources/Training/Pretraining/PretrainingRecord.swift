import Foundation

/// One line of pre-training's `log.jsonl`.
struct PretrainingRecord: Encodable {
  let stage: String
  let step: Int
  /// The mean since the last line.
  var loss: Double?
  var scenesPerSecond: Double?
  /// Mean `scene-alignment` of samples on prompts that are never trained on, by guidance scale.
  var alignment: [String: Double]?
}

extension Pretraining {
  /// Appends a line to the log and shows it, on rank 0.
  func log(_ record: PretrainingRecord) throws {
    guard communicator.rank == 0 else { return }
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    let line = try encoder.encode(record)
    report(String(decoding: line, as: UTF8.self))
    let path = "\(folder)/log.jsonl"
    if !FileManager.default.fileExists(atPath: path) {
      try Data().write(to: URL(filePath: path))
    }
    let file = try FileHandle(forWritingTo: URL(filePath: path))
    try file.seekToEnd()
    try file.write(contentsOf: line + Data("\n".utf8))
    try file.close()
  }
}
