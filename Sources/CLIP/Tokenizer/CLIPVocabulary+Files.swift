import Foundation

extension CLIPVocabulary {
  /// Writes `vocab.json`, `merges.txt`, `tokenizer_config.json` and `special_tokens_map.json` into a
  /// folder, which is made if need be, as transformers' CLIPTokenizer reads them.
  ///
  /// - Throws: `CLIPError.inaccessibleFile` if a file cannot be written.
  public func write(to folder: URL) throws(CLIPError) {
    do {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
      // One token a line in the order of ids, which JSONEncoder does not offer.
      let tokens = try ids.sorted { $0.value < $1.value }.map { token, id in
        "  \(String(decoding: try encoder.encode(token), as: UTF8.self)): \(id)"
      }
      let merges = self.merges.map { "\($0.left) \($0.right)\n" }.joined()
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      for (name, contents) in [
        ("vocab.json", Data("{\n\(tokens.joined(separator: ",\n"))\n}\n".utf8)),
        ("merges.txt", Data("#version: 0.2\n\(merges)".utf8)),
        ("tokenizer_config.json", try encoder.encode(TokenizerConfiguration(self))),
        ("special_tokens_map.json", try encoder.encode(SpecialTokensMap(specialTokens))),
      ] {
        try contents.write(to: folder.appending(path: name), options: .atomic)
      }
    } catch {
      throw .inaccessibleFile(path: folder.path, reason: "cannot be written: \(error)")
    }
  }

  /// Reads a model's `tokenizer` folder: `tokenizer_config.json`, and `vocab.json` with `merges.txt`
  /// or, where there is no `vocab.json`, `tokenizer.json`.
  ///
  /// - Throws: `CLIPError` naming the file that is absent, too large or not as expected.
  public init(folder: URL) throws(CLIPError) {
    let folder = TokenizerFolder(url: folder)
    (ids, merges) = try Self.tokens(folder)
    let path = folder.path("tokenizer_config.json")
    guard
      let configuration = try folder.decode(
        TokenizerConfiguration.self, from: "tokenizer_config.json")
    else {
      throw .missingFile(path: path, advice: "it says how long a text is; copy it from the model")
    }
    guard let length = configuration.modelMaxLength,
      let modelMaxLength = Int(exactly: length), Self.lengths.contains(modelMaxLength)
    else {
      throw .malformedFile(
        path: path,
        reason: "model_max_length must be a whole number from 3 to 4096: set it to the text "
          + "encoder's max_position_embeddings")
    }
    for (key, side) in [
      ("padding_side", configuration.paddingSide),
      ("truncation_side", configuration.truncationSide),
    ] where side ?? "right" != "right" {
      throw .malformedFile(path: path, reason: "\(key) must be right")
    }
    self.modelMaxLength = modelMaxLength
    self.specialTokens = try SpecialTokens(folder: folder, configuration: configuration, ids: ids)
  }

  private static func tokens(
    _ folder: TokenizerFolder
  ) throws(CLIPError) -> (ids: [String: Int], merges: [Merge]) {
    let ids: [String: Int]
    let merges: [Merge]
    if let vocabulary = try folder.decode([String: Int].self, from: "vocab.json") {
      guard let lines = try folder.text("merges.txt") else {
        throw .missingFile(
          path: folder.path("merges.txt"), advice: "it goes with vocab.json; copy it from the model"
        )
      }
      ids = vocabulary
      merges = try Self.merges(lines: lines, path: folder.path("merges.txt"))
    } else if let file = try folder.decode(TokenizerFile.self, from: "tokenizer.json") {
      ids = file.model.vocab
      merges = file.model.merges.map(\.merge)
    } else {
      throw .missingFile(
        path: folder.path("vocab.json"), advice: "nor tokenizer.json; is this a tokenizer folder?")
    }
    if let wrong = ids.values.first(where: { !idRange.contains($0) }) {
      throw .malformedFile(
        path: folder.path("vocab.json"),
        reason: "ids must be from 0 to 1048575, got \(wrong)")
    }
    return (ids, merges)
  }

  /// Far beyond CLIP's 49,408 ids.
  static let idRange = 0..<1 << 20

  private static func merges(lines text: String, path: String) throws(CLIPError) -> [Merge] {
    var merges: [Merge] = []
    // Bytes, since a carriage return and a line feed are one Character.
    let lines = text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    for (index, line) in lines.enumerated() {
      let line = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
      if line.starts(with: "#version".utf8) || (line.isEmpty && index == lines.count - 1) {
        continue
      }
      let parts = line.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
      guard parts.count == 2 else {
        throw .malformedFile(
          path: path, reason: "line \(index + 1) must be two tokens with one space between them")
      }
      merges.append(
        Merge(
          left: String(decoding: parts[0], as: UTF8.self),
          right: String(decoding: parts[1], as: UTF8.self)))
    }
    return merges
  }
}
