/// A token that is found in a text as it stands, before the text is cut into words.
struct AddedToken: Sendable, Hashable {
  let content: String
  let id: Int
  /// Whether it is looked for after the text has been normalized, which finds it in capitals too.
  let isNormalized: Bool
}

/// The tokens with a part of their own, and any others that are found in a text as they stand.
struct SpecialTokens: Sendable, Equatable {
  let start: AddedToken
  let end: AddedToken
  let pad: AddedToken
  let unknown: AddedToken
  let others: [AddedToken]

  /// Each of them once, in the order of ids.
  var all: [AddedToken] { Set([start, end, pad, unknown] + others).sorted { $0.id < $1.id } }
}

extension SpecialTokens {
  /// Reads who is what from a tokenizer's files, with CLIPTokenizer's own names where they are silent.
  ///
  /// - Throws: `CLIPError` for files that are not as expected, and for tokens without an id.
  /// - Source: transformers 5.23, tokenization_utils_base.py, `_from_pretrained`.
  init(
    folder: TokenizerFolder, configuration: TokenizerConfiguration, ids: [String: Int]
  ) throws(CLIPError) {
    let path = folder.path("tokenizer_config.json")
    var map = configuration.specialTokens
    if configuration.addedTokensDecoder == nil,
      let file = try folder.decode(SpecialTokensMap.self, from: "special_tokens_map.json")
    {
      map = file.overriding(map)
    }
    let named = [map.start, map.end, map.unknown, map.pad].compactMap(\.self)

    // The older files count only where the configuration lists no added tokens.
    var listed: [AddedTokenEntry] = []
    if let decoder = configuration.addedTokensDecoder {
      listed = decoder.sorted { $0.key < $1.key }.map { $1.withID(Int($0)) }
    } else {
      if let file = try folder.decode([String: Int].self, from: "added_tokens.json") {
        listed += file.sorted { $0.value < $1.value }.map { content, id in
          let isNamed = named.contains { $0.content == content }
          return AddedTokenEntry(content: content, isNormalized: !isNamed, id: id)
        }
      }
      listed += try folder.decode(TokenizerFile.self, from: "tokenizer.json")?.addedTokens ?? []
    }

    func token(_ content: String) throws(CLIPError) -> AddedToken {
      // How a token is looked for: the way it is listed, or else the way it was last named.
      let entry =
        (named + listed).last { $0.content == content } ?? AddedTokenEntry(content: content)
      guard !content.isEmpty, let id = ids[content] ?? entry.id else {
        throw .malformedFile(
          path: path, reason: "the token \"\(content)\" is not in the vocabulary")
      }
      guard CLIPVocabulary.idRange.contains(id) else {
        throw .malformedFile(
          path: path, reason: "the id of \"\(content)\" must be from 0 to 1048575, got \(id)")
      }
      guard !entry.isUnsupported else {
        throw .malformedFile(
          path: path, reason: "lstrip, rstrip and single_word of \"\(content)\" must be false")
      }
      return AddedToken(content: content, id: id, isNormalized: entry.isNormalized)
    }
    start = try token(map.start?.content ?? CLIPVocabulary.startToken)
    end = try token(map.end?.content ?? CLIPVocabulary.endToken)
    unknown = try token(map.unknown?.content ?? CLIPVocabulary.endToken)
    pad = try token(map.pad?.content ?? CLIPVocabulary.endToken)
    let parts = [start, end, unknown, pad].map(\.content)
    var others: [AddedToken] = []
    for entry in listed where !parts.contains(entry.content) {
      others.append(try token(entry.content))
    }
    self.others = others
    guard Set(all.map(\.id)).count == all.count else {
      throw .malformedFile(path: path, reason: "two of the added tokens have one id")
    }
  }
}
