import Foundation

/// Turns a prompt into the token ids of a CLIP text encoder.
///
/// The ids are those of transformers 5.23's CLIPTokenizer on the same files: byte-level byte-pair
/// encoding of the lower-cased text. Which ids begin, end and pad a text is read from the files:
/// Stable Diffusion 1.x pads with the end token, 2.x with `!`.
public struct CLIPTokenizer: Sendable {
  /// What the tokenizer's files say.
  public let vocabulary: CLIPVocabulary
  /// How many ids there are, from 0 on: the rows of the token embedding.
  public let vocabularyCount: Int

  /// A prompt has at most this many bytes: some hundred times what a text encoder sees.
  public static let byteLimit = 16_384

  /// A token to look for, as scalars, which Swift compares one by one, unlike strings.
  private struct Marker: Sendable {
    let scalars: [Unicode.Scalar]
    let id: Int
  }

  private let encoder: BytePairEncoder
  /// Looked for in the text as it comes.
  private let rawMarkers: [Marker]
  /// Looked for in the normalized text.
  private let normalizedMarkers: [Marker]

  /// The id that begins every text.
  public var startID: Int { vocabulary.specialTokens.start.id }
  /// The id that ends every text.
  public var endID: Int { vocabulary.specialTokens.end.id }
  /// The id that fills a text up to `modelMaxLength`.
  public var padID: Int { vocabulary.specialTokens.pad.id }
  /// Tokens of a text with its start, end and padding: the text encoder's length.
  public var modelMaxLength: Int { vocabulary.modelMaxLength }

  /// Reads a model's `tokenizer` folder.
  ///
  /// - Throws: `CLIPError` naming the file that is absent, too large or not as expected.
  public init(folder: URL) throws(CLIPError) {
    try self.init(vocabulary: CLIPVocabulary(folder: folder), path: folder.path)
  }

  /// A tokenizer of a vocabulary in memory.
  ///
  /// - Parameter path: What to name in an error.
  /// - Throws: `CLIPError.malformedFile` if a merge is of or makes something that is no token.
  public init(
    vocabulary: CLIPVocabulary, path: String = "the vocabulary"
  ) throws(CLIPError) {
    let special = vocabulary.specialTokens
    self.vocabulary = vocabulary
    self.vocabularyCount =
      1 + (vocabulary.ids.values + special.all.map(\.id)).reduce(-1) { max($0, $1) }
    self.rawMarkers = special.all.filter { !$0.isNormalized }.map {
      Marker(scalars: Array($0.content.unicodeScalars), id: $0.id)
    }
    self.normalizedMarkers = special.all.filter(\.isNormalized).map {
      Marker(scalars: PreTokenizer.normalized(Array($0.content.unicodeScalars)), id: $0.id)
    }
    self.encoder = try BytePairEncoder(
      ids: vocabulary.ids, merges: vocabulary.merges, unknownID: special.unknown.id, path: path)
  }

  /// Writes the tokenizer's files, as `CLIPVocabulary.write(to:)` does.
  ///
  /// - Throws: `CLIPError.inaccessibleFile` if a file cannot be written.
  public func write(to folder: URL) throws(CLIPError) {
    try vocabulary.write(to: folder)
  }

  /// The ids of a text as the text encoder takes them: exactly `modelMaxLength`, cut before the end
  /// token or padded after it.
  ///
  /// - Throws: `CLIPError.textTooLong` beyond `byteLimit`.
  public func encode(_ text: String) throws(CLIPError) -> [Int] {
    let ids = try encodeUnpadded(text)
    return ids.count > modelMaxLength
      ? ids.prefix(modelMaxLength - 1) + [endID]
      : ids + Array(repeating: padID, count: modelMaxLength - ids.count)
  }

  /// The ids of a text between the start and the end token, of any length.
  ///
  /// - Throws: `CLIPError.textTooLong` beyond `byteLimit`.
  public func encodeUnpadded(_ text: String) throws(CLIPError) -> [Int] {
    guard text.utf8.count <= Self.byteLimit else {
      throw .textTooLong(byteCount: text.utf8.count, limit: Self.byteLimit)
    }
    let inner = cut(Array(text.unicodeScalars), at: rawMarkers) { raw in
      cut(PreTokenizer.normalized(raw), at: normalizedMarkers) { normalized in
        PreTokenizer.words(in: normalized).flatMap(encoder.encode)
      }
    }
    return [startID] + inner + [endID]
  }

  /// The ids of the markers in a text and of what lies between them. The leftmost marker counts,
  /// and of those at one place the longest.
  private func cut(
    _ text: [Unicode.Scalar], at markers: [Marker], between: ([Unicode.Scalar]) -> [Int]
  ) -> [Int] {
    var ids: [Int] = []
    var (begin, place) = (0, 0)
    func finishPiece() {
      if begin < place { ids += between(Array(text[begin..<place])) }
    }
    while place < text.count {
      let found = markers.filter { text[place...].starts(with: $0.scalars) }
      guard let marker = found.max(by: { $0.scalars.count < $1.scalars.count }) else {
        place += 1
        continue
      }
      finishPiece()
      ids.append(marker.id)
      place += marker.scalars.count
      begin = place
    }
    finishPiece()
    return ids
  }
}
