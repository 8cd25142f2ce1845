import Foundation

/// How prompts stand in one file: where the record of one ends, and what it says.
///
/// The same code reads a whole file and a single prompt of it, so that they cannot disagree.
struct PromptSyntax: Codable, Equatable, Sendable {
  let format: PromptFormat
  /// The columns of a table, known from its header on; `nil` for what is none.
  var columns: TableColumns?

  init(_ format: PromptFormat) {
    self.format = format
  }

  /// The greatest length of a record in bytes.
  var recordLimit: Int {
    switch format {
    case .txt, .jsonl: PromptFormat.lineLimit
    case .json, .csv, .tsv: PromptFormat.recordLimit
    }
  }

  /// The length in bytes of the record that begins where `window` does: a line or a row without its
  /// end, or an entry of a list. `nil` where more bytes are needed to tell.
  ///
  /// - Parameter isWhole: Whether nothing follows the window in the file.
  func recordLength(in window: UnsafeRawBufferPointer, isWhole: Bool) -> Int? {
    let length =
      switch format {
      case .txt, .jsonl: window.firstIndex(ofByte: UInt8(ascii: "\n"))
      case .json: JSONPrompts.entryLength(in: window)
      case .csv, .tsv: TableRow.length(in: window, delimiter: format.delimiter ?? 0)
      }
    return length ?? (isWhole ? window.count : nil)
  }

  /// The prompt of a record; `nil` for a blank one.
  ///
  /// - Throws: ``TrainingError`` that names `place`.
  func prompt(of record: UnsafeRawBufferPointer, at place: PromptPlace) throws -> Prompt? {
    switch format {
    case .txt:
      let text = try place.text(of: record.trimmed)
      return text.isEmpty ? nil : Prompt(text: text)
    case .jsonl:
      let line = record.trimmed
      return line.isEmpty ? nil : try JSONPrompts.prompt(ofLine: line, at: place)
    case .json:
      return try JSONPrompts.prompt(ofEntry: record, at: place)
    case .csv, .tsv:
      let row = try TableRow(record, delimiter: format.delimiter ?? 0, at: place)
      guard let columns, !row.isBlank else { return nil }
      return try columns.prompt(of: row, at: place)
    }
  }
}

extension PromptPlace {
  /// The bytes as a text.
  func text(of bytes: UnsafeRawBufferPointer) throws -> String {
    guard let text = String(validating: bytes, as: UTF8.self) else { throw notUTF8 }
    return text
  }

  var notUTF8: TrainingError {
    TrainingError(
      path, line: line, expected: "UTF-8 text", found: "bytes that are not",
      advice: "save the file as UTF-8")
  }
}
