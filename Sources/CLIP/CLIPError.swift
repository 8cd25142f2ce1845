/// What can go wrong with a tokenizer's files and texts.
public enum CLIPError: Error, Equatable, CustomStringConvertible {
  /// A file that a tokenizer needs is not in its folder.
  case missingFile(path: String, advice: String)
  /// A file is not what it should be.
  case malformedFile(path: String, reason: String)
  /// A file could not be read or written.
  case inaccessibleFile(path: String, reason: String)
  /// A text is longer than any prompt.
  case textTooLong(byteCount: Int, limit: Int)
  /// A word of a vocabulary to build cannot become one token.
  case notAWord(String)
  /// A length in tokens is out of range.
  case invalidLength(Int)

  /// What was expected, what came and what to do, in one sentence.
  public var description: String {
    switch self {
    case .missingFile(let path, let advice): "\(path) is not there: \(advice)"
    case .malformedFile(let path, let reason): "\(path): \(reason)"
    case .inaccessibleFile(let path, let reason): "\(path): \(reason)"
    case .textTooLong(let byteCount, let limit):
      "a prompt must have at most \(limit) bytes, got \(byteCount): shorten it"
    case .notAWord(let word):
      "a word must be one run of lower-case letters, one digit or one run of signs, got \"\(word)\""
    case .invalidLength(let length):
      "a text encoder's length must be from 3 to 4096 tokens, got \(length)"
    }
  }
}
