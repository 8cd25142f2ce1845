import Foundation

/// What a checkpoint consists of: the contents of `manifest.json`.
///
/// Version 1, which is still read, names neither groups nor tensors: a group was one file.
struct CheckpointManifest: Codable {
  /// A file of the checkpoint.
  struct File: Codable, Sendable {
    let name: String
    /// Its length in bytes.
    let size: Int
    /// Lower-case hexadecimal.
    let sha256: String
    /// What its tensors are saved as, such as `trained`; `nil` where it holds none.
    var group: String?
    /// The names of its tensors.
    var tensors: [String]?
  }

  let formatVersion: Int
  /// Optimiser steps taken when it was saved.
  let step: Int
  /// In the order of their names.
  let files: [File]

  static let fileName = "manifest.json"
  static let currentFormatVersion = 2
  /// The greatest length in bytes: a hundred thousand tensors.
  static let byteLimit = 1 << 24
  /// The greatest step, and length of a file in bytes: sums of them are far from 2^63.
  private static let numberLimit = 1 << 44

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
    guard (1...Self.currentFormatVersion).contains(formatVersion) else {
      throw TrainingError(
        path, expected: "format version 1 to \(Self.currentFormatVersion)",
        found: "\(formatVersion)", advice: "load it with the release that saved it",
        leavesContentsOpen: true)
    }
    for file in files where !Self.isPlain(file.name) {
      throw TrainingError(
        path, expected: "plain file names", found: String(file.name.prefix(100)).debugDescription)
    }
    guard (0...Self.numberLimit).contains(step),
      files.allSatisfy({ (0...Self.numberLimit).contains($0.size) })
    else {
      throw TrainingError(
        path, expected: "a step and sizes from 0 to \(Self.numberLimit)", found: "others")
    }
    guard Set(files.map(\.name)).count == files.count else {
      throw TrainingError(path, expected: "each file once", found: "one again")
    }
  }

  /// The files that the tensors of a group are in.
  func files(of group: String) -> [File] {
    files.filter { file in
      guard let fileGroup = file.group else { return file.name == "\(group).safetensors" }
      return fileGroup == group
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
