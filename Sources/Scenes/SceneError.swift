/// Why a caption, a picture or a folder of prompts could not be used.
public enum SceneError: Error, Equatable, Sendable {
  /// The word at `position`, counted from 1, is not one of those that can stand there; nil is the
  /// caption's end.
  case unexpectedWord(caption: String, position: Int, word: String?, expected: [String])
  /// The second object has the colour of the first; `position` is its colour's, counted from 1.
  case repeatedColor(caption: String, position: Int, word: String)
  /// The pictures and the prompts to score differ in number.
  case promptCount(imageCount: Int, promptCount: Int)
  /// A picture to score is not of the size that scenes are drawn in.
  case imageSize(imageIndex: Int, width: Int, height: Int, expected: Int)
  /// A prompt file could not be written; `reason` is the file system's.
  case unwritable(path: String, reason: String)
}

extension SceneError: CustomStringConvertible {
  /// What was expected, what came and what to do.
  public var description: String {
    switch self {
    case .unexpectedWord(let caption, let position, let word, let expected):
      "word \(position) of the caption \"\(caption)\" must be "
        + "\(expected.joined(separator: ", ")), got \(word.map { "\"\($0)\"" } ?? "its end")"
    case .repeatedColor(let caption, let position, let word):
      "word \(position) of the caption \"\(caption)\" must be another colour than the first "
        + "object's, got \"\(word)\""
    case .promptCount(let imageCount, let promptCount):
      "expected one prompt for each image, got \(promptCount) prompts for \(imageCount) images"
    case .imageSize(let imageIndex, let width, let height, let expected):
      "image \(imageIndex) must be \(expected)x\(expected) pixels or a whole number of times as large, "
        + "got \(width)x\(height)"
    case .unwritable(let path, let reason):
      "the prompts could not be written to \(path) (\(reason)): "
        + "check that the folder is writable and has space"
    }
  }
}
