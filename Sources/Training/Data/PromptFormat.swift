import Foundation

/// The forms of prompt files, by the ending of their names.
///
/// | ending | contents |
/// | --- | --- |
/// | `.txt` | a prompt a line |
/// | `.jsonl` | a JSON object a line, with the key `prompt` |
/// | `.json` | a list of strings, or of objects with the key `prompt` |
/// | `.csv`, `.tsv` | a header with the column `prompt`, in capitals or not; fields may be quoted |
///
/// All are UTF-8, with or without a byte order mark; lines end with LF or CRLF. Blank lines are
/// skipped, and spaces around a prompt are cut off. Objects and tables may have a `negative_prompt`.
enum PromptFormat: String, CaseIterable, Codable, Sendable {
  case txt, jsonl, json, csv, tsv

  /// The greatest length of a prompt, and of a line but in `.json`, in bytes.
  static let lineLimit = 64 << 10
  /// The greatest length of a row or of an entry of a list, in bytes.
  static let recordLimit = 1 << 20

  /// The form that a path's ending names.
  ///
  /// - Throws: ``TrainingError``.
  init(path: String) throws {
    let ending = (path as NSString).pathExtension.lowercased()
    guard let format = Self(rawValue: ending) else {
      let endings = Self.allCases.map { ".\($0.rawValue)" }.joined(separator: ", ")
      throw TrainingError(
        path, expected: "a prompt file that ends in one of \(endings)",
        found: ending.isEmpty ? "no ending" : ".\(ending)",
        advice: "rename it after what it contains")
    }
    self = format
  }

  /// What parts the fields of a table; `nil` for what is none.
  var delimiter: UInt8? {
    switch self {
    case .csv: UInt8(ascii: ",")
    case .tsv: UInt8(ascii: "\t")
    case .txt, .jsonl, .json: nil
    }
  }
}

/// Where a prompt stands, for errors.
struct PromptPlace {
  let path: String
  /// Counted from 1.
  let line: Int
  /// Counted from 1; `nil` but in a list.
  var entry: Int?

  func error(expected: String, found: String, advice: String? = nil) -> TrainingError {
    guard let entry else {
      return TrainingError(path, line: line, expected: expected, found: found, advice: advice)
    }
    return TrainingError(
      "\(path), entry \(entry)", expected: expected, found: found, advice: advice)
  }

  /// Text that is longer than anything a person would ask for.
  func tooLong(_ found: String) -> TrainingError {
    error(
      expected: "at most \(PromptFormat.lineLimit) bytes", found: found,
      advice: "a text encoder reads some 77 words; is this a prompt file?")
  }

  /// A text that came out of a file's syntax, without the spaces around it.
  ///
  /// - Parameter mayBeEmpty: Whether it need not be there.
  func checked(_ text: String, mayBeEmpty: Bool = false) throws -> String {
    var text = text
    return try text.withUTF8 { utf8 in
      let trimmed = UnsafeRawBufferPointer(utf8).trimmed
      guard mayBeEmpty || !trimmed.isEmpty else {
        throw error(expected: "a prompt", found: "an empty one")
      }
      guard trimmed.count <= PromptFormat.lineLimit else { throw tooLong("\(trimmed.count)") }
      guard trimmed.firstIndex(ofByte: 0) == nil else {
        throw error(expected: "text", found: "a NUL character")
      }
      return String(decoding: trimmed, as: UTF8.self)
    }
  }

  /// The prompt of texts that came out of a file's syntax.
  func prompt(_ text: String, negative: String?) throws -> Prompt {
    Prompt(
      text: try checked(text),
      negative: try negative.map { try checked($0, mayBeEmpty: true) } ?? "")
  }
}

extension UnsafeRawBufferPointer {
  /// The place of the first byte that equals `byte`. The system's search: files have gigabytes.
  func firstIndex(ofByte byte: UInt8) -> Int? {
    guard let baseAddress, let found = memchr(baseAddress, Int32(byte), count) else { return nil }
    return baseAddress.distance(to: found)
  }

  /// Without the spaces, tabs and carriage returns at both ends.
  var trimmed: UnsafeRawBufferPointer {
    func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0D }
    var (start, end) = (0, count)
    while start < end, isSpace(self[start]) { start += 1 }
    while start < end, isSpace(self[end - 1]) { end -= 1 }
    return UnsafeRawBufferPointer(rebasing: self[start..<end])
  }
}
