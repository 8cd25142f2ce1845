import CLIP
import Foundation
import Scenes
import TestSupport
import Testing

@testable import Training

struct PromptIndexStoreTests {
  private func store(
    _ folder: String, judgesName: String = "",
    judge: @escaping (String) throws -> Void = { _ in }
  ) -> PromptIndexStore {
    var store = PromptIndexStore(
      paths: ["\(folder)/a.txt"], folder: "\(folder)/cache/indexes", tokenizer: nil,
      judgesName: judgesName, judge: judge)
    store.smallByteCount = 0
    return store
  }

  private func cached(_ folder: String) throws -> [String] {
    try names(in: "\(folder)/cache/indexes")
  }

  @Test func anIndexIsMadeOnceAndFoundAgain() throws {
    try withScratchFolder { folder in
      try write("one\ntwo\n".utf8, to: "\(folder)/a.txt")
      let first = try store(folder).obtain(isVerified: false)
      #expect(first.index.header.promptCount == 2)
      #expect(first.remarks.count == 1 && first.remarks[0].hasPrefix("2 prompts were read in "))
      // Whoever reads them again judges them again.
      let again = try store(folder, judge: { _ in Issue.record("read again") })
        .obtain(isVerified: false)
      #expect(again.index.header == first.index.header && again.remarks.isEmpty)
      #expect(try cached(folder).count == 1)
      // Other rewards, other judges.
      var judged: [String] = []
      _ = try store(folder, judgesName: "b", judge: { judged.append($0) })
        .obtain(isVerified: false)
      #expect(judged == ["one", "two"])
      #expect(try cached(folder).count == 2)
    }
  }

  @Test func anIndexOfAChangedFileIsMadeAnew() throws {
    try withScratchFolder { folder in
      let path = try write("one\ntwo\n".utf8, to: "\(folder)/a.txt")
      _ = try store(folder).obtain(isVerified: false)
      // As long as before, and with the time of before.
      let date = try FileManager.default.attributesOfItem(atPath: path)[.modificationDate]
      let file = try FileHandle(forUpdating: URL(filePath: path))
      try file.write(contentsOf: Data("one\nnew\n".utf8))
      try file.close()
      try FileManager.default.setAttributes([.modificationDate: date as Any], ofItemAtPath: path)
      let changed = try store(folder).obtain(isVerified: false)
      #expect(changed.index.header.files[0].sha256 == sha256(of: Data("one\nnew\n".utf8)))
      #expect(try cached(folder).count == 1)
    }
  }

  /// The times of a file that was written to twice within a tick of the clock tell nothing.
  @Test func anIndexThatIsAsYoungAsItsFileIsHeldAgainstItsBytes() throws {
    try withScratchFolder { folder in
      let path = try write("one\ntwo\n".utf8, to: "\(folder)/a.txt")
      let name = try { () -> String in
        _ = try store(folder).obtain(isVerified: false)
        return try cached(folder)[0]
      }()
      let header = try PromptIndex(
        contentsOf: "\(folder)/cache/indexes/\(name)", isVerified: false
      ).header
      // The index of what was there a moment ago: the same length, the same times.
      let file = header.files[0]
      let earlier = PromptIndex.Header(
        files: [
          PromptIndex.Header.File(
            path: path, version: file.version, sha256: sha256(of: Data("one\nold\n".utf8)),
            syntax: file.syntax, promptCount: 2, duplicateCount: 0, negativeCount: 0,
            longCount: nil, firstLongLine: nil)
        ], madeAt: header.madeAt)
      let index = "\(folder)/cache/indexes/\(name)"
      try FileManager.default.removeItem(atPath: index)
      try PromptIndex.write(
        earlier, PromptIndexArrays(entries: [0, 0], texts: [0, 0]), to: index)
      let found = try store(folder).obtain(isVerified: false).index.header
      #expect(found.files[0].sha256 == file.sha256)
    }
  }

  @Test func aDamagedIndexIsMadeAnewAndSaid() throws {
    try withScratchFolder { folder in
      try write("one\ntwo\n".utf8, to: "\(folder)/a.txt")
      _ = try store(folder).obtain(isVerified: false)
      let path = "\(folder)/cache/indexes/\(try cached(folder)[0])"
      var bytes = try contents(of: path)
      bytes[bytes.count - 40] ^= 1
      try write(bytes, to: path)
      let result = try store(folder).obtain(isVerified: false)
      #expect(result.remarks.first == "\(path) is not as it was written, and is made anew")
      #expect(try store(folder).obtain(isVerified: false).remarks.isEmpty)
    }
  }

  @Test func aFolderThatCannotBeWrittenToCostsTimeOnly() throws {
    try withScratchFolder { folder in
      try write("one\ntwo\n".utf8, to: "\(folder)/a.txt")
      try write("a file".utf8, to: "\(folder)/cache")
      let result = try store(folder).obtain(isVerified: false)
      #expect(result.index.header.promptCount == 2)
      #expect(
        result.remarks == [
          "the index of the prompts cannot be kept, and is made anew at each start: "
            + "\(folder)/cache/indexes: expected a path below folders only, found the file "
            + "\(folder)/cache in it: set data.indexFolder to a folder of yours; set data.indexFolder"
        ])
    }
  }

  @Test func whatKilledRunsLeftBehindGoes() throws {
    try withScratchFolder { folder in
      try write("one\ntwo\n".utf8, to: "\(folder)/a.txt")
      _ = try store(folder).obtain(isVerified: false)
      let path = "\(folder)/cache/indexes/\(try cached(folder)[0])"
      try FileManager.default.removeItem(atPath: path)
      for (name, age) in [("old", 7200.0), ("young", 60)] {
        try write([], to: "\(path).\(name).part")
        try FileManager.default.setAttributes(
          [.modificationDate: Date.now.addingTimeInterval(-age)],
          ofItemAtPath: "\(path).\(name).part")
      }
      _ = try store(folder).obtain(isVerified: false)
      let name = (path as NSString).lastPathComponent
      #expect(try cached(folder) == [name, "\(name).young.part"])
    }
  }

  @Test func severalThatMakeTheSameIndexAtOnceAllGetIt() async throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "indexes-\(UUID())").path
    try FileManager.default.createDirectory(
      atPath: folder, withIntermediateDirectories: false)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try write((0..<2000).map { "prompt \($0)\n" }.joined().utf8, to: "\(folder)/a.txt")
    try await withThrowingTaskGroup(of: Int.self) { group in
      for _ in 0..<8 {
        group.addTask { try store(folder).obtain(isVerified: false).index.header.promptCount }
      }
      for try await count in group { #expect(count == 2000) }
    }
    #expect(try cached(folder).count == 1)
  }

  @Test func aSmallFileIsReadEachTime() throws {
    try withScratchFolder { folder in
      try write("one\ntwo\n".utf8, to: "\(folder)/a.txt")
      var store = store(folder)
      store.smallByteCount = 8
      #expect(try store.obtain(isVerified: false).remarks.isEmpty)
      #expect(!FileManager.default.fileExists(atPath: "\(folder)/cache"))
    }
  }

  /// Some hundred thousand prompts: the index is found at once, and what is in memory does not grow
  /// with it.
  @Test func theFirstPromptOfManyComesAtOnce() throws {
    try withScratchFolder { folder in
      let count = 300_000
      let text = (0..<count).map { "a picture of a thing with the number \($0)\n" }.joined()
      try write(text.utf8, to: "\(folder)/a.txt")
      _ = try store(folder).obtain(isVerified: false)
      let before = try residentByteCount()
      var prompts: TrainingPrompts?
      let seconds =
        try ContinuousClock().measure {
          let opened = try TrainingPrompts(
            store(folder).obtain(isVerified: false).index, weights: [1], seed: 1)
          for position in 0..<16 {
            let number = PromptPermutation(count: count, seed: 1).index(at: position)
            #expect(
              try opened.prompt(at: position).text
                == "a picture of a thing with the number \(number)")
          }
          prompts = opened
        } / .seconds(1)
      // Half a millisecond a thousand prompts leaves room for ten million in 2 s and a busy machine.
      #expect(seconds < 1)
      #expect(prompts?.count == count)
      // The list of the texts alone would take 25 MB.
      #expect(try residentByteCount() - before < 8 << 20)
    }
  }
}

struct TokenCounterTests {
  private static let texts = [
    "", "a small red circle", "  two  spaces ", "Capital LETTERS, and 1234 digits!", "don't stop",
    "tab\there", "Salvador Dalí", "狐 and 狗", "İstanbul", "ﬁne <|endoftext|> marks",
    "a<|endoftext|>b",
    String(repeating: "red ", count: 200), String(repeating: "x", count: 100),
    String(repeating: "é", count: 30), "\u{1F98A}\u{1F98A} foxes",
  ]

  private static func tokenizer(_ length: Int) throws -> CLIPTokenizer {
    try CLIPTokenizer(
      vocabulary: CLIPVocabulary.build(words: ScenePrompts.words, modelMaxLength: length))
  }

  @Test func countsAreThoseOfTheTokenizer() throws {
    let tokenizer = try Self.tokenizer(24)
    var counter = TokenCounter(tokenizer)
    for text in Self.texts + Self.texts {
      let expected = try tokenizer.encodeUnpadded(text).count
      #expect(try counter.count(text) == expected, "\(text)")
    }
  }

  @Test(arguments: [3, 5, 8, 24, 77])
  func aTextIsTooLongWhereItsTokensAreTooMany(limit: Int) throws {
    let tokenizer = try Self.tokenizer(limit)
    var counter = TokenCounter(tokenizer)
    for text in Self.texts {
      let expected = try tokenizer.encodeUnpadded(text).count > limit
      #expect(try counter.isTooLong(text) == expected, "\(text)")
    }
  }
}
