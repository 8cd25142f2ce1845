import Foundation
import Testing

@testable import Training

/// The prompts of some files as a run draws them, one after another in the files' order.
private struct Drawn {
  let index: PromptIndex
  private let files: [IndexedPromptFile]

  init(_ index: PromptIndex) throws {
    self.index = index
    files = try index.header.files.map(IndexedPromptFile.init)
  }

  func prompts() throws -> [Prompt] {
    var place = 0
    return try zip(index.header.files, files).flatMap { header, file in
      try (0..<header.promptCount).map { _ in
        defer { place += 1 }
        return try file.prompt(at: index.entry(at: place))
      }
    }
  }
}

private func index(_ paths: String...) throws -> PromptIndex {
  var builder = PromptIndexBuilder(tokenizer: nil)
  for path in paths { try builder.add(path: path) }
  let (header, words) = try builder.finish()
  return PromptIndex(header, words)
}

private func texts(_ index: PromptIndex) throws -> [String] {
  try Drawn(index).prompts().map(\.text)
}

struct PromptIndexTests {
  @Test(arguments: PromptFileTests.readable)
  func aPromptReadByItsEntryIsTheOneThatWasIndexed(_ file: PromptFileTests.Readable) throws {
    try withScratchFolder { folder in
      let path = try write(file.text.utf8, to: "\(folder)/\(file.name)")
      var seen: Set<Prompt> = []
      let different = file.prompts.filter { seen.insert($0).inserted }
      #expect(try Drawn(index(path)).prompts() == different)
    }
  }

  @Test(arguments: ["txt", "jsonl", "json", "csv"])
  func promptsOfAnyLengthAreReadBack(ending: String) throws {
    // Around the number of bytes that are read at once, and far beyond.
    let prompts = [1, 500, 511, 512, 513, 4095, 4096, 40_000, 60_000, 3].enumerated().map {
      String(repeating: Character(Unicode.Scalar(UInt8(0x61 + $0))), count: $1)
    }
    let text =
      switch ending {
      case "json": "[\(prompts.map { "\"\($0)\"" }.joined(separator: ", "))]"
      case "jsonl": prompts.map { "{\"prompt\": \"\($0)\"}\n" }.joined()
      case "csv": "prompt\n" + prompts.map { "\"\($0)\"\n" }.joined()
      default: prompts.joined(separator: "\n")
      }
    try withScratchFolder { folder in
      let path = try write(text.utf8, to: "\(folder)/a.\(ending)")
      #expect(try texts(index(path)) == prompts)
    }
  }

  @Test func aPromptCountsOnceInAllFiles() throws {
    try withScratchFolder { folder in
      let a = try write("one\ntwo\n one \nthree\n".utf8, to: "\(folder)/a.txt")
      let b = try write("two\nfour\nfour\n".utf8, to: "\(folder)/b.txt")
      let both = try index(a, b)
      #expect(try texts(both) == ["one", "two", "three", "four"])
      #expect(both.header.files.map(\.promptCount) == [3, 1])
      #expect(both.header.files.map(\.duplicateCount) == [1, 2])
      // With another negative prompt it is another prompt.
      let c = try write(
        "prompt,negative_prompt\none,\none,dark\none,dark\n".utf8, to: "\(folder)/c.csv")
      let drawn = try Drawn(index(c)).prompts()
      #expect(drawn == [Prompt(text: "one"), Prompt(text: "one", negative: "dark")])
      #expect(
        errorText { _ = try index(b, a, try write("four\n".utf8, to: "\(folder)/d.txt")) }
          == "\(folder)/d.txt: expected at least one prompt that is in no earlier file, found none: "
          + "leave the file out")
    }
  }

  @Test func aTextIsFoundAmongThePrompts() throws {
    try withScratchFolder { folder in
      let lines = (0..<1000).map { "prompt \($0)\n" }.joined()
      let index = try index(write(lines.utf8, to: "\(folder)/a.txt"))
      func contains(_ text: String) throws -> Bool {
        try index.containsText(PromptDigest(Prompt(text: text)).text)
      }
      for number in 0..<1000 { #expect(try contains("prompt \(number)")) }
      for text in ["prompt 1000", "prompt", ""] { #expect(try !contains(text)) }
    }
  }

  @Test func anEntryKeepsOffsetAndProof() {
    for offset in [0, 1, 1 << 32, PromptIndex.Entry.offsetLimit - 1] {
      let entry = PromptIndex.Entry(offset: offset, proof: 0xABCDEF)
      #expect(PromptIndex.Entry(word: entry.word) == entry)
    }
  }

  @Test func anIndexIsTheSameFromItsFile() throws {
    try withScratchFolder { folder in
      let path = try write("one\ntwo\nthree\n".utf8, to: "\(folder)/a.txt")
      var builder = PromptIndexBuilder(tokenizer: nil)
      try builder.add(path: path)
      let (header, words) = try builder.finish()
      try PromptIndex.write(header, words, to: "\(folder)/index")
      let read = try PromptIndex(contentsOf: "\(folder)/index", isVerified: false)
      #expect(read.header == header)
      #expect(try texts(read) == ["one", "two", "three"])
      #expect(try read.containsText(PromptDigest(Prompt(text: "two")).text))
      #expect(
        errorText { try PromptIndex.write(header, words, to: "\(folder)/index") }
          == "\(folder)/index: expected a new file that can be written, found 'File exists'")
    }
  }

  @Test func noChangeOfAnIndexGoesUnnoticed() throws {
    try withScratchFolder { folder in
      let path = try write("one\ntwo\n".utf8, to: "\(folder)/a.txt")
      var builder = PromptIndexBuilder(tokenizer: nil)
      try builder.add(path: path)
      let (header, words) = try builder.finish()
      try PromptIndex.write(header, words, to: "\(folder)/index")
      let whole = try contents(of: "\(folder)/index")
      func isRefused(_ bytes: Data) throws -> Bool {
        try write(bytes, to: "\(folder)/other")
        do {
          _ = try PromptIndex(contentsOf: "\(folder)/other", isVerified: false)
          return false
        } catch let error as PromptIndex.Unusable {
          return error == .damaged
        }
      }
      #expect(try !isRefused(whole))
      for place in whole.indices {
        var damaged = whole
        damaged[place] ^= 1 << UInt8(place % 8)
        #expect(try isRefused(damaged), "byte \(place)")
      }
      for count in 0..<whole.count { #expect(try isRefused(whole.prefix(count))) }
      #expect(try isRefused(whole + [0]))
      // Counts that would overflow.
      var hostile = whole
      let count = try #require(hostile.firstRange(of: Data("\"promptCount\":2".utf8)))
      hostile.replaceSubrange(count, with: Data("\"promptCount\":9223372036854775807".utf8))
      #expect(try isRefused(hostile))
    }
  }
}

/// What becomes of a file while a run reads it.
struct ChangedPromptFileTests {
  private func changed(_ folder: String, _ detail: String) -> String {
    "\(folder)/a.txt: expected the file as it was when its prompts were counted, found another"
      + "\(detail): put it back and go on with --resume latest, or start a new run"
  }

  /// Changes a file that is being read; returns what its three prompts are then, or why not.
  private func outcome(_ change: (_ path: String) throws -> Void, _ folder: String) throws
    -> [String]
  {
    let path = try write("one\ntwo\nthree\n".utf8, to: "\(folder)/a.txt")
    let index = try index(path)
    let file = try IndexedPromptFile(index.header.files[0])
    try change(path)
    return try (0..<3).map { place in
      let entry = try index.entry(at: place)
      do { return try file.prompt(at: entry).text } catch { return "\(error)" }
    }
  }

  private func rewrite(_ text: String, _ path: String) throws {
    let file = try FileHandle(forUpdating: URL(filePath: path))
    try file.write(contentsOf: Data(text.utf8))
    try file.truncate(atOffset: UInt64(text.utf8.count))
  }

  @Test func aChangedPromptIsNamedAndTheOthersAreRead() throws {
    try withScratchFolder { folder in
      let found = try outcome({ try rewrite("one\ntoo\nthree\n", $0) }, folder)
      #expect(found == ["one", changed(folder, ", from byte 4 on"), "three"])
    }
  }

  @Test func promptsThatMovedAreNotTakenForOthers() throws {
    try withScratchFolder { folder in
      let found = try outcome({ try rewrite("zero\none\ntwo\nthree\n", $0) }, folder)
      #expect(
        found == [
          changed(folder, ", from byte 0 on"), changed(folder, ", from byte 4 on"),
          changed(folder, ", from byte 8 on"),
        ])
    }
  }

  @Test func aFileThatShrankIsNamed() throws {
    try withScratchFolder { folder in
      let found = try outcome({ try rewrite("one\ntwo\nthr", $0) }, folder)
      #expect(found == ["one", "two", changed(folder, ", from byte 8 on")])
      let gone = try outcome({ try rewrite("", $0) }, folder)
      #expect(gone[0] == changed(folder, ", from byte 0 on"))
    }
  }

  @Test func aFileThatLosesItsNameIsReadOn() throws {
    try withScratchFolder { folder in
      let removed = try outcome({ try FileManager.default.removeItem(atPath: $0) }, folder)
      #expect(removed == ["one", "two", "three"])
      let replaced = try outcome(
        {
          try write("a\nb\nc\n".utf8, to: "\($0).new")
          #expect(rename("\($0).new", $0) == 0)
        }, folder)
      #expect(replaced == ["one", "two", "three"])
    }
  }

  @Test func aFileThatChangedBeforeItWasOpenedIsNamed() throws {
    try withScratchFolder { folder in
      let path = try write("one\ntwo\nthree\n".utf8, to: "\(folder)/a.txt")
      let index = try index(path)
      try rewrite("one\ntwo\nfour\n", path)
      #expect(
        errorText { _ = try IndexedPromptFile(index.header.files[0]) } == changed(folder, ""))
    }
  }
}
