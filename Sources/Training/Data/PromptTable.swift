import Foundation

/// Prompts in a table of comma- or tab-separated fields, of which the first row names the columns.
///
/// - Source: RFC 4180: a field in quotes may contain delimiters, line ends and, doubled, quotes. A
///   quote within an unquoted field stands for itself, as PartiPrompts has them.
struct PromptTable {
  private let text: PromptText
  private let delimiter: UInt8
  private var position: Int
  /// The line that ``position`` is in, counted from 1.
  private var line = 1

  private static let quote = UInt8(ascii: "\"")
  private static let newline = UInt8(ascii: "\n")

  init(_ text: PromptText, delimiter: Unicode.Scalar) {
    self.text = text
    self.delimiter = UInt8(ascii: delimiter)
    position = text.bytes.startIndex
  }

  /// The fields of the column `prompt`.
  func prompts() throws -> [String] {
    var rows = self
    guard let header = try rows.nextRow() else { return [] }
    guard
      let column = header.fields.firstIndex(where: {
        $0.trimmingCharacters(in: .whitespaces).lowercased() == "prompt"
      })
    else {
      let found = header.fields.prefix(20).joined(separator: ", ").prefix(200)
      throw TrainingError(
        text.path, line: header.line, expected: "a header with a column named prompt",
        found: "the columns \(found)")
    }
    var prompts: [String] = []
    while let row = try rows.nextRow() {
      guard column < row.fields.count else {
        throw TrainingError(
          text.path, line: row.line, expected: "at least \(column + 1) fields",
          found: "\(row.fields.count)")
      }
      try prompts.append(text.checked(row.fields[column], line: row.line))
    }
    return prompts
  }

  /// The next row that is not blank, with the line it begins in.
  private mutating func nextRow() throws -> (line: Int, fields: [String])? {
    while position < text.bytes.endIndex {
      let start = line
      var fields = [try nextField()]
      while next == delimiter {
        position += 1
        fields.append(try nextField())
      }
      // A field ends before a delimiter, a line's end or the end of the text.
      position += 1
      line += 1
      let isBlank = fields.count == 1 && fields[0].allSatisfy(\.isWhitespace)
      if !isBlank { return (start, fields) }
    }
    return nil
  }

  private var next: UInt8? { position < text.bytes.endIndex ? text.bytes[position] : nil }

  private mutating func nextField() throws -> String {
    guard next == Self.quote else { return unquotedField() }
    let start = line
    position += 1
    var field: [UInt8] = []
    while let byte = next {
      position += 1
      guard byte == Self.quote else {
        if byte == Self.newline { line += 1 }
        field.append(byte)
        continue
      }
      guard next == Self.quote else {
        try endQuotedField()
        return String(decoding: field, as: UTF8.self)
      }
      field.append(byte)
      position += 1
    }
    throw TrainingError(
      text.path, line: start, expected: "a second quote to end the field", found: "the file's end")
  }

  private mutating func unquotedField() -> String {
    let field = text.bytes[position...].prefix { $0 != delimiter && $0 != Self.newline }
    position = field.endIndex
    let isLineEnd = next != delimiter && field.last == UInt8(ascii: "\r")
    return String(decoding: isLineEnd ? field.dropLast() : field, as: UTF8.self)
  }

  /// Takes the carriage return of a line's end, and refuses text after the closing quote.
  private mutating func endQuotedField() throws {
    if next == UInt8(ascii: "\r") { position += 1 }
    guard next == nil || next == delimiter || next == Self.newline else {
      throw TrainingError(
        text.path, line: line, expected: "the field to end with its closing quote",
        found: "more text", advice: "put quotes around the whole field and double those within")
    }
  }
}
