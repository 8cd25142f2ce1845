import CLIP
import Foundation
import Testing

@Suite struct CLIPVocabularyTests {
  @Test func theBuiltVocabularyIsTheOneThatTransformersRead() throws {
    try withFolder([:]) { folder in
      try CLIPVocabulary.build(words: TokenizerFixture.words, modelMaxLength: 16).write(to: folder)
      for (name, golden) in try smallTokenizer() {
        // After a change that is meant, copy the new file and run the golden script again.
        #expect(try Data(contentsOf: folder.appending(path: name)) == golden, "\(name)")
      }
    }
  }

  @Test(arguments: [
    ["on", "moon", "moo"], ["star", "start", "starts", "tar", "art", "rts"],
    ["a", "aa", "aaa", "aaaa", "aaaaa"], ["abab", "ab", "ba", "baba"], ["'s", "!!", "...", "1"],
    ["\u{e9}t\u{e9}", "\u{732b}", "\u{1f600}"],
  ])
  func everyWordIsOneTokenWhateverComesBeforeOrAfterIt(words: [String]) throws {
    for list in [words, words.reversed()] {
      let tokenizer = try CLIPTokenizer(
        vocabulary: CLIPVocabulary.build(words: list, modelMaxLength: 8))
      for word in list {
        let ids = try tokenizer.encodeUnpadded(word)
        #expect(ids.count == 3, "\(word)")
        #expect(ids.dropFirst().first.map { $0 < tokenizer.startID } == true)
      }
    }
  }

  @Test func everyTextCanBeEncodedAndDistinctWordsStayDistinct() throws {
    let tokenizer = try CLIPTokenizer(
      vocabulary: CLIPVocabulary.build(words: ["red"], modelMaxLength: 8))
    let ids = try ["red", "rede", "redred", "der", "re d", "\u{1f600}"].map {
      try tokenizer.encodeUnpadded($0)
    }
    #expect(Set(ids).count == ids.count)
    #expect(ids.allSatisfy { $0.count > 2 })
  }

  @Test func aVocabularyOfNoWordsHasTheBytesAndTwoTokens() throws {
    let tokenizer = try CLIPTokenizer(
      vocabulary: CLIPVocabulary.build(words: [], modelMaxLength: 8))
    #expect(tokenizer.vocabularyCount == 514)
    // As in OpenAI's vocabulary, "!" is the first byte, and 256 more at a word's end.
    #expect(try tokenizer.encode("!") == [512, 256, 513, 513, 513, 513, 513, 513])
    #expect(try tokenizer.encode("a!b") == [512, 320, 256, 321, 513, 513, 513, 513])
  }

  @Test(arguments: [
    "", " ", "two words", "Red", "red-blue", "12", "e\u{301}", "don't", "<|endoftext|>",
  ])
  func whatIsNotOneWordIsRefused(word: String) {
    #expect(throws: CLIPError.notAWord(word)) {
      try CLIPVocabulary.build(words: [word], modelMaxLength: 8)
    }
  }

  @Test(arguments: [2, 4097])
  func aLengthOutOfRangeIsRefused(length: Int) {
    let error = #expect(throws: CLIPError.self) {
      try CLIPVocabulary.build(words: [], modelMaxLength: length)
    }
    #expect(
      error?.description == "a text encoder's length must be from 3 to 4096 tokens, got \(length)")
  }

  @Test func aFolderBelowAFileCannotBeWritten() throws {
    try withFolder(["file": Data()]) { folder in
      let vocabulary = try CLIPVocabulary.build(words: [], modelMaxLength: 8)
      let error = #expect(throws: CLIPError.self) {
        try vocabulary.write(to: folder.appending(path: "file/tokenizer"))
      }
      #expect(error?.description.contains("file/tokenizer: cannot be written: ") == true)
    }
  }
}
