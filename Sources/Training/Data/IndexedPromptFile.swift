import Foundation

/// A file of prompts, read one by one where an index says.
///
/// It stays open: what becomes of its name does not matter, and what becomes of its bytes is noticed.
final class IndexedPromptFile {
  private let file: RegularFile
  private let syntax: PromptSyntax

  /// Bytes that hold most prompts.
  private static let usualByteCount = 512

  /// Opens the file.
  ///
  /// - Throws: ``TrainingError`` where it is not the one that was indexed.
  init(_ indexed: PromptIndex.Header.File) throws {
    file = try RegularFile(indexed.path)
    syntax = indexed.syntax
    guard file.version == indexed.version else { throw Self.changed(indexed.path) }
  }

  /// The prompt of an entry.
  ///
  /// - Throws: ``TrainingError`` where another one is there now, or none.
  func prompt(at entry: PromptIndex.Entry) throws -> Prompt {
    guard let prompt = try read(from: entry.offset), PromptDigest(prompt).proof == entry.proof
    else { throw Self.changed(file.path, offset: entry.offset) }
    return prompt
  }

  private func read(from offset: Int) throws -> Prompt? {
    var byteCount = Self.usualByteCount
    while true {
      let bytes = try file.bytes(at: offset, count: byteCount)
      let isWhole = bytes.count < byteCount
      let found: Prompt?? = bytes.withUnsafeBytes { window in
        guard let length = syntax.recordLength(in: window, isWhole: isWhole) else { return nil }
        // Whatever the syntax has against it: when it was indexed it was right.
        return .some(
          try? syntax.prompt(
            of: UnsafeRawBufferPointer(rebasing: window[..<length]),
            at: PromptPlace(path: file.path, line: 1)))
      }
      if let found { return found }
      guard byteCount <= PromptFormat.recordLimit else { return nil }
      byteCount *= 8
    }
  }

  private static func changed(_ path: String, offset: Int? = nil) -> TrainingError {
    TrainingError(
      path, expected: "the file as it was when its prompts were counted",
      found: "another" + (offset.map { ", from byte \($0) on" } ?? ""),
      advice: "put it back and go on with --resume latest, or start a new run")
  }
}
