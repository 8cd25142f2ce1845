/// All that the files of a CLIP tokenizer say: the tokens, the merges that make them, those with a
/// part of their own, and the length of a text.
public struct CLIPVocabulary: Sendable, Equatable {
  /// Two neighbouring tokens that become one.
  struct Merge: Sendable, Equatable {
    let left: String
    let right: String
  }

  /// The token that begins every text in a vocabulary built here.
  static let startToken = "<|startoftext|>"
  /// The token that ends every text, and pads, in a vocabulary built here.
  static let endToken = "<|endoftext|>"
  /// The lengths of text encoders, in tokens: room for a token between start and end, and more than
  /// any has.
  static let lengths = 3...4096

  /// The id of each token.
  let ids: [String: Int]
  /// The merges, of falling priority.
  let merges: [Merge]
  /// The tokens that begin, end and pad a text, and any others found in it as they stand.
  let specialTokens: SpecialTokens
  /// Tokens of a text with its start, end and padding, 3 or more.
  public let modelMaxLength: Int

  /// A vocabulary for a closed list of words: each of them is one token, and any other text can be
  /// encoded too, in more tokens.
  ///
  /// The ids are laid out as in OpenAI's vocabulary: 256 bytes, the same at a word's end, what
  /// merges make, and the start and end tokens last.
  ///
  /// - Parameters:
  ///   - words: In any order; the ids depend on it.
  ///   - modelMaxLength: The text encoder's length in tokens, with start and end: 3 or more.
  /// - Throws: `CLIPError.notAWord` for what the tokenizer would cut in pieces before it looks for
  ///   tokens, or would write otherwise; `CLIPError.invalidLength`.
  public static func build(
    words: [String], modelMaxLength: Int
  ) throws(CLIPError) -> CLIPVocabulary {
    guard lengths.contains(modelMaxLength) else { throw .invalidLength(modelMaxLength) }
    let bytes = ByteAlphabet.order.map { ByteAlphabet.characters[Int($0)] }
    var tokens = bytes + bytes.map { $0 + ByteAlphabet.wordEnd }
    var ids = Dictionary(uniqueKeysWithValues: tokens.enumerated().map { ($1, $0) })
    var merges: [Merge] = []
    var encoder = try BytePairEncoder(
      ids: ids, merges: [], unknownID: nil, path: "the vocabulary to build")

    for word in words {
      let scalars = Array(word.unicodeScalars)
      // Scalars, not strings, are compared: Swift holds a composed letter and its parts for equal.
      guard PreTokenizer.normalized(scalars) == scalars, PreTokenizer.words(in: scalars).count == 1,
        !scalars.contains(" ")
      else { throw .notAWord(word) }
      // A new merge ranks below all others, so none of the words before can change.
      var pieces = encoder.encode(word)
      while pieces.count > 1 {
        let (left, right) = (tokens[pieces[0]], tokens[pieces[1]])
        let id = ids[left + right] ?? tokens.count
        if id == tokens.count {
          tokens.append(left + right)
          ids[left + right] = id
        }
        encoder.addMerge(of: pieces[0], and: pieces[1], into: id, rank: merges.count)
        merges.append(Merge(left: left, right: right))
        pieces = encoder.encode(word)
      }
    }
    let start = AddedToken(content: startToken, id: tokens.count, isNormalized: false)
    let end = AddedToken(content: endToken, id: tokens.count + 1, isNormalized: false)
    for token in [start, end] { ids[token.content] = token.id }
    return CLIPVocabulary(
      ids: ids, merges: merges,
      specialTokens: SpecialTokens(start: start, end: end, pad: end, unknown: end, others: []),
      modelMaxLength: modelMaxLength)
  }
}

extension BytePairEncoder {
  /// An encoder for a vocabulary's tokens and merges.
  ///
  /// - Parameters:
  ///   - unknownID: What a byte becomes that is no token.
  ///   - path: The file to name in an error.
  /// - Throws: `CLIPError.malformedFile` if a merge is of or makes something that is no token, or a
  ///   byte is no token and there is no unknown one.
  init(
    ids: [String: Int], merges: [CLIPVocabulary.Merge], unknownID: Int?, path: String
  ) throws(CLIPError) {
    func id(of token: String) throws(CLIPError) -> Int {
      guard let id = ids[token] else {
        throw .malformedFile(path: path, reason: "\"\(token)\" is not in the vocabulary")
      }
      return id
    }
    func byteIDs(suffix: String) throws(CLIPError) -> [Int] {
      var found: [Int] = []
      for character in ByteAlphabet.characters {
        if let id = ids[character + suffix] ?? unknownID {
          found.append(id)
        } else {
          found.append(try id(of: character + suffix))
        }
      }
      return found
    }
    self.init(
      innerIDs: try byteIDs(suffix: ""), finalIDs: try byteIDs(suffix: ByteAlphabet.wordEnd))
    for (rank, merge) in merges.enumerated() {
      addMerge(
        of: try id(of: merge.left), and: try id(of: merge.right),
        into: try id(of: merge.left + merge.right), rank: rank)
    }
  }
}
