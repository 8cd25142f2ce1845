import Foundation

/// What is wrong with a safetensors file, or with tensors that should become one.
public struct SafetensorsError: Error, Equatable, CustomStringConvertible {
  /// The path of the file.
  public let file: String
  /// The name of the tensor that is at fault, cut if it is long; `nil` where no single one is.
  public let tensor: String?
  /// What should have been there.
  public let expected: String
  /// What was there.
  public let found: String
  /// What to do about it, where that can be said.
  public let advice: String?

  init(
    file: String, tensor: String? = nil, expected: String, found: String, advice: String? = nil
  ) {
    self.file = file
    self.tensor = tensor.map { excerpt($0) }
    self.expected = expected
    self.found = found
    self.advice = advice
  }

  /// An operating system call that failed, with the reason in `errno`.
  init(file: String, failed expected: String, errno code: CInt, advice: String? = nil) {
    self.init(
      file: file, expected: expected, found: "'\(String(cString: strerror(code)))'",
      advice: advice)
  }

  /// One sentence with all of it.
  public var description: String {
    let place = tensor.map { "\(file): tensor \($0)" } ?? file
    return "\(place): expected \(expected), found \(found)" + (advice.map { ": \($0)" } ?? "")
  }
}

/// Returns the beginning of a text that may be hostile, in quotes and without control characters.
func excerpt(_ text: String) -> String {
  // Scalars, not characters: one character can be as long as the text.
  let start = String(String.UnicodeScalarView(text.unicodeScalars.prefix(100)))
  return start.debugDescription + (start.utf8.count < text.utf8.count ? "…" : "")
}
