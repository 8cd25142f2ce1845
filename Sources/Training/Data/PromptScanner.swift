import Foundation

/// Reads the prompts of a file one after another, whatever its length.
final class PromptScanner {
  /// A prompt, and where it stands.
  struct Found {
    let prompt: Prompt
    let place: PromptPlace
    /// Of its record in the file, in bytes.
    let offset: Int
  }

  private let path: String
  private let window: FileWindow
  /// How prompts stand in the file, as far as is known.
  private(set) var syntax: PromptSyntax
  private var line = 1
  private var entryCount = 0
  /// Whether the last entry of a list has been passed.
  private var isListClosed = false

  /// Opens a file.
  ///
  /// - Parameter byteCount: Bytes read at a time.
  /// - Throws: ``TrainingError`` where it is none of prompts, by its name, or cannot be read.
  init(path: String, byteCount: Int = 1 << 20) throws {
    self.path = path
    syntax = PromptSyntax(try PromptFormat(path: path))
    window = try FileWindow(path, byteCount: byteCount)
    while window.rest.count < 3, !window.isAtEnd { try window.fill() }
    if window.rest.starts(with: [0xEF, 0xBB, 0xBF]) { window.advance(by: 3) }
  }

  /// What the file was when it was opened.
  var version: FileVersion { window.version }

  /// The SHA-256 of the file, whose prompts have all been read.
  ///
  /// - Throws: ``TrainingError`` where it changed meanwhile.
  func finish() throws -> String { try window.finish() }

  /// The next prompt; `nil` at the end.
  ///
  /// - Throws: ``TrainingError`` that names the file and the line at fault.
  func next() throws -> Found? {
    while try syntax.format != .json ? hasMore() : findEntry() {
      let record = try nextRecord()
      let place = PromptPlace(
        path: path, line: line, entry: syntax.format == .json ? entryCount : nil)
      try checkText(of: record)
      let offset = window.offset
      let prompt = try prompt(of: record, at: place)
      pass(record.count)
      if let prompt { return Found(prompt: prompt, place: place, offset: offset) }
    }
    return nil
  }

  private func prompt(of record: UnsafeRawBufferPointer, at place: PromptPlace) throws -> Prompt? {
    guard let delimiter = syntax.format.delimiter, syntax.columns == nil else {
      return try syntax.prompt(of: record, at: place)
    }
    let row = try TableRow(record, delimiter: delimiter, at: place)
    if !row.isBlank { syntax.columns = try TableColumns(header: row, at: place) }
    return nil
  }

  /// Whether bytes follow.
  private func hasMore() throws -> Bool {
    while window.rest.isEmpty {
      guard !window.isAtEnd else { return false }
      try window.fill()
    }
    return true
  }

  /// The whole record that comes next, without its end.
  private func nextRecord() throws -> UnsafeRawBufferPointer {
    while true {
      let rest = window.rest
      if let length = syntax.recordLength(in: rest, isWhole: window.isAtEnd) {
        let record = UnsafeRawBufferPointer(rebasing: rest[..<length])
        guard length <= syntax.recordLimit else { throw tooLong(record, isCut: false) }
        return record
      }
      guard rest.count <= PromptFormat.recordLimit else { throw tooLong(rest, isCut: true) }
      try window.fill()
    }
  }

  private func tooLong(_ record: UnsafeRawBufferPointer, isCut: Bool) -> TrainingError {
    let place = PromptPlace(path: path, line: line)
    switch syntax.format {
    case .txt, .jsonl: return place.tooLong(isCut ? "more" : "\(record.count)")
    case .json, .csv, .tsv:
      return place.error(
        expected: "at most \(syntax.recordLimit) bytes in a row or an entry",
        found: isCut ? "more" : "\(record.count)", advice: "is a quote missing?")
    }
  }

  /// Passes a record, and in lines and tables the end of its line.
  private func pass(_ count: Int) {
    let hasEnd = syntax.format != .json && count < window.rest.count
    let passed = UnsafeRawBufferPointer(rebasing: window.rest[..<(count + (hasEnd ? 1 : 0))])
    line += syntax.format.hasRecordsOfALine ? 1 : passed.newlineCount
    window.advance(by: passed.count)
  }

  /// Refuses what no text file holds.
  private func checkText(of record: UnsafeRawBufferPointer) throws {
    let hasLongLines = syntax.format == .json
    guard
      !hasLongLines && record.count > PromptFormat.lineLimit || record.firstIndex(ofByte: 0) != nil
        || String(validating: record, as: UTF8.self) == nil
    else { return }
    var place = PromptPlace(path: path, line: line)
    for bytes in record.split(
      separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    {
      let text = UnsafeRawBufferPointer(rebasing: bytes)
      guard hasLongLines || text.count <= PromptFormat.lineLimit else {
        throw place.tooLong("\(text.count)")
      }
      guard text.firstIndex(ofByte: 0) == nil else { throw nulByte(line: place.line) }
      _ = try place.text(of: text)
      place = PromptPlace(path: path, line: place.line + 1)
    }
  }

  private func nulByte(line: Int) -> TrainingError {
    TrainingError(
      path, line: line, expected: "text", found: "a NUL byte",
      advice: "is this a text file, saved as UTF-8?")
  }
}

extension PromptScanner {
  /// Goes to the next entry of a list; `false` where the list and the file end.
  private func findEntry() throws -> Bool {
    guard !isListClosed else { return false }
    if entryCount == 0 {
      guard let first = try nextMark() else {
        // An empty file has no prompts; that is said by whoever wants some.
        guard window.version.byteCount > 0 else { return false }
        throw brokenList("none begins")
      }
      guard first == UInt8(ascii: "[") else {
        let isJSON = "{\"-0123456789tfn".utf8.contains(first)
        throw isJSON
          ? JSONPrompts.wrongList(path, found: JSONPrompts.somethingElse)
          : brokenList("none begins")
      }
      window.advance(by: 1)
      if try nextMark() == UInt8(ascii: "]") { return try closeList() }
    } else {
      switch try nextMark() {
      case UInt8(ascii: ","): window.advance(by: 1)
      case UInt8(ascii: "]"): return try closeList()
      case nil: throw brokenList("it does not end")
      default: throw brokenList("a comma is missing")
      }
    }
    guard let mark = try nextMark() else { throw brokenList("it does not end") }
    guard mark != UInt8(ascii: "]"), mark != UInt8(ascii: ",") else {
      throw brokenList("an entry is missing")
    }
    entryCount += 1
    return true
  }

  private func closeList() throws -> Bool {
    isListClosed = true
    window.advance(by: 1)
    guard try nextMark() == nil else { throw brokenList("more follows its end") }
    return false
  }

  private func brokenList(_ reason: String) -> TrainingError {
    JSONPrompts.wrongList(path, found: "invalid JSON: \(reason), line \(line)")
  }

  /// Passes white space; returns the byte after it, `nil` at the end of the file.
  private func nextMark() throws -> UInt8? {
    while try hasMore() {
      let rest = window.rest
      let spaces = rest.prefix { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D || $0 == 0x0A }
      line += UnsafeRawBufferPointer(rebasing: spaces).newlineCount
      window.advance(by: spaces.count)
      guard let mark = window.rest.first else { continue }
      guard mark != 0 else { throw nulByte(line: line) }
      return mark
    }
    return nil
  }
}

extension PromptFormat {
  /// Whether every record is a line.
  fileprivate var hasRecordsOfALine: Bool { self == .txt || self == .jsonl }
}

extension UnsafeRawBufferPointer {
  /// The number of line ends.
  fileprivate var newlineCount: Int {
    var count = 0
    var rest = self
    while let place = rest.firstIndex(ofByte: UInt8(ascii: "\n")) {
      count += 1
      rest = UnsafeRawBufferPointer(rebasing: rest[(place + 1)...])
    }
    return count
  }
}
