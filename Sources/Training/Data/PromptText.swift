import Foundation

/// The text of a prompt file, divided into lines and checked for what no prompt file may contain.
struct PromptText {
  /// A line without its end and the spaces around it.
  struct Line {
    /// Counted from 1.
    let number: Int
    let text: String
  }

  /// The path of the file, for errors.
  let path: String
  /// All bytes but the byte order mark, valid UTF-8.
  let bytes: ArraySlice<UInt8>
  /// The lines, blank ones among them.
  let lines: [Line]

  /// - Parameter hasLongLines: Whether a line may be longer than a prompt.
  init(_ bytes: [UInt8], path: String, hasLongLines: Bool) throws {
    self.path = path
    self.bytes = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? bytes.dropFirst(3) : bytes[...]
    lines = try self.bytes.withUnsafeBytes { bytes in
      var lines: [Line] = []
      var start = 0
      while start < bytes.count {
        let rest = UnsafeRawBufferPointer(rebasing: bytes[start...])
        let line = rest[..<(rest.offset(of: UInt8(ascii: "\n")) ?? rest.count)]
        start += line.count + 1
        let number = lines.count + 1
        guard hasLongLines || line.count <= PromptFile.lineLimit else {
          throw Self.tooLong(path, line: number, byteCount: line.count)
        }
        guard UnsafeRawBufferPointer(rebasing: line).offset(of: 0) == nil else {
          throw TrainingError(
            path, line: number, expected: "text", found: "a NUL byte",
            advice: "is this a text file, saved as UTF-8?")
        }
        guard let text = String(validating: line.trimmed, as: UTF8.self) else {
          throw TrainingError(
            path, line: number, expected: "UTF-8 text", found: "bytes that are not",
            advice: "save the file as UTF-8")
        }
        lines.append(Line(number: number, text: text))
      }
      return lines
    }
  }

  /// Returns a prompt that came out of a line's syntax, without the spaces around it.
  func checked(_ prompt: String, line: Int?) throws -> String {
    var prompt = prompt
    return try prompt.withUTF8 { utf8 in
      let trimmed = UnsafeRawBufferPointer(utf8)[...].trimmed
      guard !trimmed.isEmpty else {
        throw TrainingError(path, line: line, expected: "a prompt", found: "an empty one")
      }
      guard trimmed.count <= PromptFile.lineLimit else {
        throw Self.tooLong(path, line: line, byteCount: trimmed.count)
      }
      guard !trimmed.contains(0) else {
        throw TrainingError(path, line: line, expected: "text", found: "a NUL character")
      }
      return String(decoding: trimmed, as: UTF8.self)
    }
  }

  private static func tooLong(_ path: String, line: Int?, byteCount: Int) -> TrainingError {
    TrainingError(
      path, line: line, expected: "at most \(PromptFile.lineLimit) bytes", found: "\(byteCount)",
      advice: "a text encoder reads some 77 words; is this a prompt file?")
  }
}

extension UnsafeRawBufferPointer {
  /// The place of the first byte that equals `byte`. The system's search: files have megabytes.
  fileprivate func offset(of byte: UInt8) -> Int? {
    guard let baseAddress, let found = memchr(baseAddress, Int32(byte), count) else { return nil }
    return baseAddress.distance(to: found)
  }
}

extension Slice<UnsafeRawBufferPointer> {
  /// Without the spaces, tabs and carriage returns at both ends.
  fileprivate var trimmed: Self {
    let isSpace: (UInt8) -> Bool = { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }
    var result = drop(while: isSpace)
    while let last = result.last, isSpace(last) { result = result.dropLast() }
    return result
  }
}
