import CLIP
import Foundation

/// What scripts/golden/tokenizer_golden.py wrote.
struct TokenizerFixture: Decodable {
  struct Case: Decodable {
    let text: String
    let unpadded: [Int]
    let padded: [Int]
  }

  /// The vocabulary under other configuration files.
  struct Variant: Decodable {
    let name: String
    let cases: [Case]
  }

  let cases: [Case]
  let variants: [Variant]

  static let folder = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "Fixtures")
  /// The words of the vocabulary in the folder `tokenizer`, in the order of their tokens.
  static let words = [
    "a", "an", "small", "large", "red", "green", "blue", "yellow", "circle", "square", "triangle",
    "star", "heart", "ring", "above", "below", "left", "right", "of", "on", "white", "black",
    "background", "starlight", "moon", "zzz",
  ]

  static func load() throws -> TokenizerFixture {
    try JSONDecoder().decode(
      TokenizerFixture.self, from: Data(contentsOf: folder.appending(path: "tokenizer.json")))
  }

  /// The files of each variant, as they stand in the fixture: by variant, then by file name.
  static func variantFiles() throws -> [[String: Data]] {
    let data = try Data(contentsOf: folder.appending(path: "tokenizer.json"))
    let object = try JSONSerialization.jsonObject(with: data) as? [String: Any]
    return try (object?["variants"] as? [[String: Any]] ?? []).map { variant in
      var files: [String: Data] = [:]
      for name in ["tokenizer_config", "special_tokens_map", "added_tokens"] {
        if let contents = variant[name] as? [String: Any] {
          files["\(name).json"] = try JSONSerialization.data(withJSONObject: contents)
        }
      }
      return files
    }
  }
}

/// Runs a test in a new folder that holds some files, and removes it.
func withFolder(_ files: [String: Data], _ body: (URL) throws -> Void) throws {
  let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: folder) }
  for (name, contents) in files { try contents.write(to: folder.appending(path: name)) }
  try body(folder)
}

/// The files of the small vocabulary, with some replaced or (nil) taken away.
func smallTokenizer(_ changes: [String: String?] = [:]) throws -> [String: Data] {
  var files: [String: Data] = [:]
  for name in ["vocab.json", "merges.txt", "tokenizer_config.json", "special_tokens_map.json"] {
    files[name] = try Data(
      contentsOf: TokenizerFixture.folder.appending(path: "tokenizer").appending(path: name))
  }
  for (name, text) in changes { files[name] = text.map { Data($0.utf8) } }
  return files
}
