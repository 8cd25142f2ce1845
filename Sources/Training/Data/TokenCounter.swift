import CLIP

/// Counts the tokens of many prompts, which share most of their words.
struct TokenCounter {
  private let tokenizer: CLIPTokenizer
  /// The tokens of texts without spaces, which are the same wherever they stand.
  private var counts: [String: Int] = [:]

  private static let countLimit = 1 << 16

  init(_ tokenizer: CLIPTokenizer) {
    self.tokenizer = tokenizer
  }

  /// The most tokens that a text encoder reads, start and end among them.
  var limit: Int { tokenizer.modelMaxLength }

  /// The tokens of a text, start and end among them.
  ///
  /// - Throws: `CLIPError.textTooLong`.
  mutating func count(_ text: String) throws -> Int {
    // Letters beyond ASCII are composed and lowered together with their neighbours.
    guard text.utf8.count <= CLIPTokenizer.byteLimit, Self.plainByteCount(text) != nil else {
      return try tokenizer.encodeUnpadded(text).count
    }
    return try text.utf8.split(separator: UInt8(ascii: " ")).reduce(2) {
      try $0 + count(ofWord: String(Substring($1)))
    }
  }

  /// Whether a text has more tokens than a text encoder reads. Nearly all are told by their length.
  mutating func isTooLong(_ text: String) throws -> Bool {
    // A byte of ASCII is a token at most and a space none. Composed and in lower case any other text
    // has at most five times its bytes.
    let most = Self.plainByteCount(text) ?? text.utf8.count * 5
    return try most + 2 > limit && count(text) > limit
  }

  private mutating func count(ofWord word: String) throws -> Int {
    if let count = counts[word] { return count }
    let count = try tokenizer.encodeUnpadded(word).count - 2
    if counts.count >= Self.countLimit { counts.removeAll(keepingCapacity: true) }
    counts[word] = count
    return count
  }

  /// The bytes of a text of ASCII, spaces left out; `nil` for other texts.
  private static func plainByteCount(_ text: String) -> Int? {
    var text = text
    return text.withUTF8 { bytes in
      var count = 0
      for byte in bytes {
        guard byte < 0x80 else { return nil }
        if byte != UInt8(ascii: " ") { count += 1 }
      }
      return count
    }
  }
}
