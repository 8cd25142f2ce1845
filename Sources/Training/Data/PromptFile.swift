/// A file of prompts that is small enough to be held in memory, read and checked.
struct PromptFile: Sendable {
  /// The path it was read from.
  let path: String
  /// The prompts in the file's order, as often as they are there; at least one.
  let entries: [Prompt]
  /// The SHA-256 of the file's bytes in lower-case hexadecimal: tells whether it changed.
  let sha256: String
  /// The line of each prompt, counted from 1.
  let lines: [Int]

  /// The texts of the prompts.
  var prompts: [String] { entries.map(\.text) }

  /// The greatest length of a file in bytes: some two million prompts.
  static let byteLimit = 256 << 20

  /// Reads the file.
  ///
  /// - Throws: ``TrainingError`` that names the file and the line at fault.
  init(path: String) throws {
    let scanner = try PromptScanner(path: path)
    guard scanner.version.byteCount <= Self.byteLimit else {
      throw TrainingError(
        path, expected: "a file of at most \(Self.byteLimit) bytes",
        found: "\(scanner.version.byteCount) bytes")
    }
    var entries: [Prompt] = []
    var lines: [Int] = []
    while let found = try scanner.next() {
      entries.append(found.prompt)
      lines.append(found.place.line)
    }
    guard !entries.isEmpty else { throw scanner.version.noPrompts(path) }
    self.path = path
    self.entries = entries
    self.lines = lines
    sha256 = try scanner.finish()
  }
}

extension FileVersion {
  /// What a file is told that has no prompts.
  func noPrompts(_ path: String) -> TrainingError {
    TrainingError(
      path, expected: "at least one prompt", found: byteCount == 0 ? "an empty file" : "none")
  }
}
