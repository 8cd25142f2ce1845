import Foundation

/// A row of comma- or tab-separated fields.
///
/// - Source: RFC 4180: a field in quotes may contain delimiters, line ends and, doubled, quotes. A
///   quote within an unquoted field stands for itself, as PartiPrompts has them.
struct TableRow {
  private struct Field {
    /// Without the quotes around it.
    var range: Range<Int>
    var isQuoted = false
  }

  private static let quote = UInt8(ascii: "\"")
  private static let newline = UInt8(ascii: "\n")

  private let bytes: UnsafeRawBufferPointer
  private var fields: [Field] = []

  /// The length in bytes of the row that begins where `window` does, without its end; `nil` where
  /// the window ends before it.
  static func length(in window: UnsafeRawBufferPointer, delimiter: UInt8) -> Int? {
    var state = State.start
    for place in 0..<window.count {
      let byte = window[place]
      switch state {
      case .quoted:
        if byte == quote { state = .closed }
      case .start, .plain, .closed:
        if byte == newline { return place }
        if byte == delimiter {
          state = .start
        } else if byte == quote && state != .plain {
          // After a closing quote it is the second of two, which stand for one in the field.
          state = .quoted
        } else {
          state = .plain
        }
      }
    }
    return nil
  }

  /// Where in a field a byte is.
  private enum State {
    case start, plain, quoted, closed
  }

  /// The fields of a row, in quotes or not.
  ///
  /// - Throws: ``TrainingError`` for a quote that does not end a field, or none that does.
  init(_ bytes: UnsafeRawBufferPointer, delimiter: UInt8, at place: PromptPlace) throws {
    self.bytes = bytes
    var position = 0
    while true {
      let field =
        position < bytes.count && bytes[position] == Self.quote
        ? try Self.quotedField(in: bytes, from: &position, delimiter, place)
        : Self.plainField(in: bytes, from: &position, delimiter)
      fields.append(field)
      // A field ends before a delimiter or with the row.
      guard position < bytes.count else { return }
      position += 1
    }
  }

  private static func plainField(
    in bytes: UnsafeRawBufferPointer, from position: inout Int, _ delimiter: UInt8
  ) -> Field {
    let start = position
    let rest = UnsafeRawBufferPointer(rebasing: bytes[start...])
    position = start + (rest.firstIndex(ofByte: delimiter) ?? rest.count)
    let isLineEnd = position == bytes.count && position > start && bytes[position - 1] == 0x0D
    return Field(range: start..<position - (isLineEnd ? 1 : 0))
  }

  private static func quotedField(
    in bytes: UnsafeRawBufferPointer, from position: inout Int, _ delimiter: UInt8,
    _ place: PromptPlace
  ) throws -> Field {
    func error(at offset: Int, _ expected: String, _ found: String, _ advice: String? = nil)
      -> TrainingError
    {
      let line = place.line + bytes[..<offset].count { $0 == newline }
      return TrainingError(
        place.path, line: line, expected: expected, found: found, advice: advice)
    }
    let start = position + 1
    var end = start
    while true {
      let rest = UnsafeRawBufferPointer(rebasing: bytes[end...])
      guard let found = rest.firstIndex(ofByte: quote) else {
        throw error(at: position, "a second quote to end the field", "the file's end")
      }
      end += found
      guard end + 1 < bytes.count, bytes[end + 1] == quote else { break }
      end += 2
    }
    position = end + 1
    if position < bytes.count, bytes[position] == 0x0D { position += 1 }
    guard position == bytes.count || bytes[position] == delimiter else {
      throw error(
        at: position, "the field to end with its closing quote", "more text",
        "put quotes around the whole field and double those within")
    }
    return Field(range: start..<end, isQuoted: true)
  }

  /// The number of fields, at least 1.
  var count: Int { fields.count }

  /// Whether it is one field of nothing but white space.
  var isBlank: Bool { fields.count == 1 && self[0].allSatisfy(\.isWhitespace) }

  /// The text of a field.
  subscript(index: Int) -> String {
    let field = fields[index]
    let text = String(decoding: bytes[field.range], as: UTF8.self)
    return field.isQuoted ? text.replacing("\"\"", with: "\"") : text
  }

  /// The texts of the first fields.
  func prefix(_ limit: Int) -> [String] { (0..<min(limit, count)).map { self[$0] } }
}

/// Which columns of a table hold what.
struct TableColumns: Codable, Equatable, Sendable {
  private let prompt: Int
  private let negative: Int?

  /// The columns that a header names.
  ///
  /// - Throws: ``TrainingError`` where it names none `prompt`.
  init(header: TableRow, at place: PromptPlace) throws {
    let names = (0..<header.count).map {
      header[$0].trimmingCharacters(in: .whitespaces).lowercased()
    }
    guard let prompt = names.firstIndex(of: "prompt") else {
      let found = header.prefix(20).joined(separator: ", ").prefix(200)
      throw place.error(
        expected: "a header with a column named prompt", found: "the columns \(found)")
    }
    self.prompt = prompt
    negative = names.firstIndex(of: "negative_prompt")
  }

  /// The prompt of a row.
  func prompt(of row: TableRow, at place: PromptPlace) throws -> Prompt {
    guard (0..<row.count).contains(prompt) else {
      throw place.error(expected: "at least \(prompt + 1) fields", found: "\(row.count)")
    }
    let negative = negative.flatMap { (0..<row.count).contains($0) ? row[$0] : nil }
    return try place.prompt(row[prompt], negative: negative)
  }
}
