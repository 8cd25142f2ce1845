/// The part of `tokenizer_config.json` that is read and written.
struct TokenizerConfiguration: Codable {
  let specialTokens: SpecialTokensMap
  let addedTokensDecoder: [String: AddedTokenEntry]?
  /// A Double: transformers writes 1e30 for "no limit".
  let modelMaxLength: Double?
  let paddingSide: String?
  let truncationSide: String?

  private enum CodingKeys: String, CodingKey {
    case addedTokensDecoder = "added_tokens_decoder"
    case modelMaxLength = "model_max_length"
    case paddingSide = "padding_side"
    case truncationSide = "truncation_side"
    case tokenizerClass = "tokenizer_class"
  }

  init(_ vocabulary: CLIPVocabulary) {
    let special = vocabulary.specialTokens
    specialTokens = SpecialTokensMap(special)
    addedTokensDecoder = Dictionary(
      uniqueKeysWithValues: special.all.map { ("\($0.id)", AddedTokenEntry($0)) })
    modelMaxLength = Double(vocabulary.modelMaxLength)
    paddingSide = "right"
    truncationSide = "right"
  }

  init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    specialTokens = try SpecialTokensMap(from: decoder)
    addedTokensDecoder = try container.decodeIfPresent(
      [String: AddedTokenEntry].self, forKey: .addedTokensDecoder)
    modelMaxLength = try container.decodeIfPresent(Double.self, forKey: .modelMaxLength)
    paddingSide = try container.decodeIfPresent(String.self, forKey: .paddingSide)
    truncationSide = try container.decodeIfPresent(String.self, forKey: .truncationSide)
  }

  func encode(to encoder: any Encoder) throws {
    try specialTokens.encode(to: encoder)
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encodeIfPresent(addedTokensDecoder, forKey: .addedTokensDecoder)
    try container.encode(modelMaxLength.map { Int($0) }, forKey: .modelMaxLength)
    try container.encode(paddingSide, forKey: .paddingSide)
    try container.encode(truncationSide, forKey: .truncationSide)
    try container.encode("CLIPTokenizer", forKey: .tokenizerClass)
  }
}

/// Which token is which: `special_tokens_map.json`, and a part of `tokenizer_config.json`.
struct SpecialTokensMap: Codable {
  let start: AddedTokenEntry?
  let end: AddedTokenEntry?
  let pad: AddedTokenEntry?
  let unknown: AddedTokenEntry?

  private enum CodingKeys: String, CodingKey {
    case start = "bos_token"
    case end = "eos_token"
    case pad = "pad_token"
    case unknown = "unk_token"
  }

  init(_ tokens: SpecialTokens) {
    start = AddedTokenEntry(tokens.start)
    end = AddedTokenEntry(tokens.end)
    pad = AddedTokenEntry(tokens.pad)
    unknown = AddedTokenEntry(tokens.unknown)
  }

  private init(_ first: SpecialTokensMap, or second: SpecialTokensMap) {
    start = first.start ?? second.start
    end = first.end ?? second.end
    pad = first.pad ?? second.pad
    unknown = first.unknown ?? second.unknown
  }

  /// Names alone: how a token is looked for is listed in `added_tokens_decoder`.
  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encodeIfPresent(start?.content, forKey: .start)
    try container.encodeIfPresent(end?.content, forKey: .end)
    try container.encodeIfPresent(pad?.content, forKey: .pad)
    try container.encodeIfPresent(unknown?.content, forKey: .unknown)
  }

  func overriding(_ other: SpecialTokensMap) -> SpecialTokensMap { Self(self, or: other) }
}

/// A token in a file, as a text or as an object with its flags.
struct AddedTokenEntry: Codable {
  let content: String
  let isNormalized: Bool
  let id: Int?
  /// Whether it has one of the flags that CLIP's tokens never have.
  let isUnsupported: Bool

  private enum CodingKeys: String, CodingKey {
    case content, normalized, special, id, lstrip, rstrip
    case singleWord = "single_word"
  }

  init(content: String, isNormalized: Bool = false, id: Int? = nil, isUnsupported: Bool = false) {
    self.content = content
    self.isNormalized = isNormalized
    self.id = id
    self.isUnsupported = isUnsupported
  }

  init(_ token: AddedToken) {
    self.init(content: token.content, isNormalized: token.isNormalized, id: token.id)
  }

  func withID(_ id: Int?) -> AddedTokenEntry {
    AddedTokenEntry(
      content: content, isNormalized: isNormalized, id: id, isUnsupported: isUnsupported)
  }

  init(from decoder: any Decoder) throws {
    if let text = try? decoder.singleValueContainer().decode(String.self) {
      self.init(content: text)
      return
    }
    let container = try decoder.container(keyedBy: CodingKeys.self)
    func flag(_ key: CodingKeys) throws -> Bool? {
      try container.decodeIfPresent(Bool.self, forKey: key)
    }
    let isSpecial = try flag(.special) ?? false
    self.init(
      content: try container.decode(String.self, forKey: .content),
      isNormalized: try flag(.normalized) ?? !isSpecial,
      id: try container.decodeIfPresent(Int.self, forKey: .id),
      isUnsupported: try flag(.lstrip) == true || flag(.rstrip) == true
        || flag(.singleWord) == true)
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(content, forKey: .content)
    try container.encode(isNormalized, forKey: .normalized)
    for key in [CodingKeys.lstrip, .rstrip, .singleWord] {
      try container.encode(false, forKey: key)
    }
  }
}

/// The part of transformers 5's `tokenizer.json` that is read.
struct TokenizerFile: Decodable {
  struct Model: Decodable {
    let vocab: [String: Int]
    let merges: [MergeEntry]
  }

  /// A merge, as a list of two tokens or, from older writers, a text with a space between them.
  struct MergeEntry: Decodable {
    let merge: CLIPVocabulary.Merge

    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      let parts =
        if let text = try? container.decode(String.self) {
          text.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
        } else {
          try container.decode([String].self)
        }
      guard parts.count == 2 else {
        throw DecodingError.dataCorruptedError(
          in: container, debugDescription: "a merge must be of two tokens, got \(parts)")
      }
      merge = CLIPVocabulary.Merge(left: parts[0], right: parts[1])
    }
  }

  let model: Model
  let addedTokens: [AddedTokenEntry]?

  private enum CodingKeys: String, CodingKey {
    case model
    case addedTokens = "added_tokens"
  }
}
