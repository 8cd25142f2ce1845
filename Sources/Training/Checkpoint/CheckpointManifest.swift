import Foundation

/// What a checkpoint consists of: the contents of `manifest.json`.
struct CheckpointManifest: Codable {
  /// A file of the checkpoint.
  struct File: Codable {
    let name: String
    /// Its length in bytes.
    let size: Int
    /// Lower-case hexadecimal.
    let sha256: String
  }

  let formatVersion: Int
  /// Optimiser steps taken when it was saved.
  let step: Int
  /// In the order of their names.
  let files: [File]

  static let fileName = "manifest.json"
  static let currentFormatVersion = 1
  /// The greatest length in bytes: thousands of files.
  static let byteLimit = 1 << 20

  init(step: Int, files: [File]) {
    formatVersion = Self.currentFormatVersion
    self.step = step
    self.files = files.sorted { $0.name < $1.name }
  }

  /// Reads a manifest, which may have been written by anyone.
  init(_ bytes: [UInt8], path: String) throws {
    do {
      self = try JSONDecoder().decode(Self.self, from: Data(bytes))
    } catch {
      throw TrainingError(
        path, expected: "a checkpoint's manifest",
        found: "JSON without the fields formatVersion, step and files, or none")
    }
    guard formatVersion == Self.currentFormatVersion else {
      throw TrainingError(
        path, expected: "format version \(Self.currentFormatVersion)", found: "\(formatVersion)",
        advice: "load it with the release that saved it")
    }
    for file in files where !Self.isPlain(file.name) {
      throw TrainingError(
        path, expected: "plain file names", found: String(file.name.prefix(100)).debugDescription)
    }
  }

  /// The bytes of the file, the same for the same contents.
  func encoded() throws -> Data {
    try JSONEncoder.stable(.prettyPrinted).encode(self) + Data("\n".utf8)
  }

  /// Whether a name stays in its folder: letters, digits, `.`, `_` and `-`, and no dot in front.
  private static func isPlain(_ name: String) -> Bool {
    name.first != "."
      && name.wholeMatch(of: /[A-Za-z0-9._-]{1,200}/) != nil
  }
}

extension JSONEncoder {
  /// An encoder that gives the same bytes for the same values: keys in alphabetical order.
  static func stable(_ formatting: OutputFormatting = []) -> JSONEncoder {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes, formatting]
    return encoder
  }
}
