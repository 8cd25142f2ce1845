import Foundation

/// A file of prompts, read and checked.
///
/// | ending | contents |
/// | --- | --- |
/// | `.txt` | a prompt a line |
/// | `.jsonl` | a JSON object a line, with the key `prompt` |
/// | `.json` | a list of strings, or of objects with the key `prompt` |
/// | `.csv`, `.tsv` | a header with the column `prompt`, in capitals or not; fields may be quoted |
///
/// All are UTF-8, with or without a byte order mark; lines end with LF or CRLF. Blank lines are
/// skipped, and spaces around a prompt are cut off.
struct PromptFile: Sendable {
  /// The path it was read from.
  let path: String
  /// The prompts in the file's order; at least one, none of them empty.
  let prompts: [String]
  /// The SHA-256 of the file's bytes in lower-case hexadecimal: tells whether it changed.
  let sha256: String

  /// The greatest length of a prompt, and of a line but in `.json`, in bytes.
  static let lineLimit = 64 << 10
  /// The greatest length of a file in bytes: some two million prompts.
  static let byteLimit = 256 << 20

  /// Reads the file.
  ///
  /// - Throws: ``TrainingError`` that names the file and the line at fault.
  init(path: String) throws {
    let ending = (path as NSString).pathExtension.lowercased()
    guard let format = Format(rawValue: ending) else {
      let endings = Format.allCases.map { ".\($0.rawValue)" }.joined(separator: ", ")
      throw TrainingError(
        path, expected: "a prompt file that ends in one of \(endings)",
        found: ending.isEmpty ? "no ending" : ".\(ending)",
        advice: "rename it after what it contains")
    }
    let bytes = try RegularFile(path).contents(byteLimit: Self.byteLimit)
    let text = try PromptText(bytes, path: path, hasLongLines: format == .json)
    let prompts = try format.prompts(in: text)
    guard !prompts.isEmpty else {
      throw TrainingError(
        path, expected: "at least one prompt", found: bytes.isEmpty ? "an empty file" : "none")
    }
    self.path = path
    self.prompts = prompts
    self.sha256 = Training.sha256(of: bytes)
  }

  private enum Format: String, CaseIterable {
    case txt, jsonl, json, csv, tsv

    func prompts(in text: PromptText) throws -> [String] {
      switch self {
      case .txt: text.lines.map(\.text).filter { !$0.isEmpty }
      case .jsonl: try JSONPrompts.lines(of: text)
      case .json: try JSONPrompts.list(in: text)
      case .csv: try PromptTable(text, delimiter: ",").prompts()
      case .tsv: try PromptTable(text, delimiter: "\t").prompts()
      }
    }
  }
}
