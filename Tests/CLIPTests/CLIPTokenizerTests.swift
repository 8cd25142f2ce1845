import CLIP
import Foundation
import Testing

@Suite struct CLIPTokenizerTests {
  @Test(arguments: ["tokenizer", "tokenizer-json"])
  func everyHardTextHasTheIdsOfTransformers(folder: String) throws {
    let tokenizer = try CLIPTokenizer(folder: TokenizerFixture.folder.appending(path: folder))
    let cases = try TokenizerFixture.load().cases
    #expect(cases.count > 300)
    for golden in cases {
      #expect(
        try tokenizer.encodeUnpadded(golden.text) == golden.unpadded,
        "\(golden.text.debugDescription)")
      #expect(try tokenizer.encode(golden.text) == golden.padded, "\(golden.text.debugDescription)")
    }
  }

  @Test func everyVariantHasTheIdsOfTransformersBeforeAndAfterItIsWritten() throws {
    let fixture = try TokenizerFixture.load()
    for (variant, files) in zip(fixture.variants, try TokenizerFixture.variantFiles()) {
      var all = try smallTokenizer(["tokenizer_config.json": nil, "special_tokens_map.json": nil])
      all.merge(files) { _, new in new }
      try withFolder(all) { folder in
        let tokenizer = try CLIPTokenizer(folder: folder)
        let copy = folder.appending(path: "copy")
        try tokenizer.write(to: copy)
        for reader in [tokenizer, try CLIPTokenizer(folder: copy)] {
          for golden in variant.cases {
            #expect(
              try reader.encodeUnpadded(golden.text) == golden.unpadded,
              "\(variant.name): \(golden.text.debugDescription)")
            #expect(
              try reader.encode(golden.text) == golden.padded,
              "\(variant.name): \(golden.text.debugDescription)")
          }
        }
      }
    }
  }

  @Test func idsAreThoseOfTheFiles() throws {
    let tokenizer = try CLIPTokenizer(folder: TokenizerFixture.folder.appending(path: "tokenizer"))
    #expect(tokenizer.startID == 603)
    #expect(tokenizer.endID == 604)
    #expect(tokenizer.padID == 604)
    #expect(tokenizer.modelMaxLength == 16)
    #expect(tokenizer.vocabularyCount == 605)
  }

  @Test func aTextThatJustFitsIsNotCut() throws {
    let tokenizer = try CLIPTokenizer(folder: TokenizerFixture.folder.appending(path: "tokenizer"))
    let red = try #require(try tokenizer.encodeUnpadded("red").dropFirst().first)
    let start = tokenizer.startID
    let end = tokenizer.endID
    for count in [13, 14, 15] {
      let ids = try tokenizer.encode(Array(repeating: "red", count: count).joined(separator: " "))
      let reds = Array(repeating: red, count: min(count, 14))
      #expect(ids == [start] + reds + [end] + (count == 13 ? [end] : []))
    }
  }

  @Test func aLongWordIsEncodedInReasonableTime() throws {
    let tokenizer = try CLIPTokenizer(folder: TokenizerFixture.folder.appending(path: "tokenizer"))
    let text = String(repeating: "redcircle", count: 200)
    let time = try ContinuousClock().measure { _ = try tokenizer.encode(text) }
    #expect(time < .seconds(5))
  }

  @Test func aTextBeyondTheLimitIsRefused() throws {
    let tokenizer = try CLIPTokenizer(folder: TokenizerFixture.folder.appending(path: "tokenizer"))
    let error = #expect(throws: CLIPError.self) {
      try tokenizer.encode(String(repeating: "\u{e9}", count: 8193))
    }
    #expect(error?.description == "a prompt must have at most 16384 bytes, got 16386: shorten it")
  }

  @Test(arguments: [
    (
      "no vocabulary", ["vocab.json": nil],
      "/vocab.json is not there: nor tokenizer.json; is this a tokenizer folder?"
    ),
    (
      "no merges", ["merges.txt": nil],
      "/merges.txt is not there: it goes with vocab.json; copy it from the model"
    ),
    (
      "no configuration", ["tokenizer_config.json": nil],
      "/tokenizer_config.json is not there: it says how long a text is; copy it from the model"
    ),
    (
      "merges of three", ["merges.txt": "#version: 0.2\na n</w>\na n d\n"],
      "/merges.txt: line 3 must be two tokens with one space between them"
    ),
    (
      "an empty line", ["merges.txt": "a n</w>\n\ns m\n"],
      "/merges.txt: line 2 must be two tokens with one space between them"
    ),
    ("a merge of no token", ["merges.txt": "a q\n"], ": \"aq\" is not in the vocabulary"),
    (
      "ids out of range", ["vocab.json": #"{"a": -1}"#],
      "/vocab.json: ids must be from 0 to 1048575, got -1"
    ),
    (
      "no start token",
      [
        "tokenizer_config.json": #"{"model_max_length": 8, "bos_token": "<s>"}"#,
        "special_tokens_map.json": nil,
      ],
      "/tokenizer_config.json: the token \"<s>\" is not in the vocabulary"
    ),
    (
      "no length", ["tokenizer_config.json": "{}"],
      "/tokenizer_config.json: model_max_length must be a whole number from 3 to 4096: set it to the text encoder's max_position_embeddings"
    ),
    (
      "no limit",
      ["tokenizer_config.json": #"{"model_max_length": 1000000000000000019884624838656}"#],
      "/tokenizer_config.json: model_max_length must be a whole number from 3 to 4096: set it to the text encoder's max_position_embeddings"
    ),
    (
      "padded on the left",
      ["tokenizer_config.json": #"{"model_max_length": 8, "padding_side": "left"}"#],
      "/tokenizer_config.json: padding_side must be right"
    ),
    (
      "an id out of range",
      [
        "tokenizer_config.json":
          #"{"model_max_length": 8, "added_tokens_decoder": {"9223372036854775807": {"content": "<x>"}}}"#
      ],
      "/tokenizer_config.json: the id of \"<x>\" must be from 0 to 1048575, got 9223372036854775807"
    ),
    (
      "two tokens of one id",
      [
        "tokenizer_config.json": #"{"model_max_length": 8}"#,
        "added_tokens.json": #"{"<x>": 700, "<y>": 700}"#,
      ],
      "/tokenizer_config.json: two of the added tokens have one id"
    ),
    (
      "a flag of no CLIP token",
      [
        "tokenizer_config.json":
          #"{"model_max_length": 8, "added_tokens_decoder": {"5": {"content": "red</w>", "lstrip": true}}}"#
      ],
      "/tokenizer_config.json: lstrip, rstrip and single_word of \"red</w>\" must be false"
    ),
  ])
  func aFolderThatIsNoTokenizerIsRefused(
    name: String, changes: [String: String?], message: String
  ) throws {
    try withFolder(smallTokenizer(changes)) { folder in
      let error = #expect(throws: CLIPError.self) { try CLIPTokenizer(folder: folder) }
      #expect(error?.description.hasSuffix(message) == true, "\(error?.description ?? "")")
    }
  }

  @Test(arguments: [
    ("vocab.json", "{"), ("vocab.json", "[]"), ("vocab.json", #"{"a": "b"}"#),
    ("tokenizer_config.json", "7"), ("special_tokens_map.json", #"{"pad_token": 3}"#),
  ])
  func aFileThatIsNotItsKindOfJSONIsNamed(file: String, contents: String) throws {
    let configuration = #"{"model_max_length": 8}"#
    var changes: [String: String?] = ["tokenizer_config.json": configuration]
    changes[file] = contents
    try withFolder(smallTokenizer(changes)) { folder in
      let error = #expect(throws: CLIPError.self) { try CLIPTokenizer(folder: folder) }
      #expect(error?.description.contains("/\(file): ") == true, "\(error?.description ?? "")")
    }
  }

  @Test func aFileThatIsTooLargeOrNoFileIsRefused() throws {
    try withFolder(smallTokenizer(["merges.txt": nil])) { folder in
      let merges = folder.appending(path: "merges.txt")
      try Data(count: (16 << 20) + 1).write(to: merges)
      var error = #expect(throws: CLIPError.self) { try CLIPTokenizer(folder: folder) }
      #expect(
        error?.description.hasSuffix("has more than 16777216 bytes, too many for a tokenizer")
          == true)

      try FileManager.default.removeItem(at: merges)
      // Opening a pipe would wait for somebody to write into it.
      #expect(mkfifo(merges.path, 0o600) == 0)
      error = #expect(throws: CLIPError.self) { try CLIPTokenizer(folder: folder) }
      #expect(error?.description.hasSuffix("/merges.txt: is not a regular file") == true)
    }
  }

  @Test func invalidUTF8IsRefused() throws {
    var files = try smallTokenizer()
    files["merges.txt"] = Data([0x61, 0x20, 0xff, 0x0a])
    try withFolder(files) { folder in
      let error = #expect(throws: CLIPError.self) { try CLIPTokenizer(folder: folder) }
      #expect(error?.description.hasSuffix("/merges.txt: is not UTF-8 text") == true)
    }
  }

  @Test func linesMayEndAsOnWindows() throws {
    let merges = try #require(
      String(data: smallTokenizer()["merges.txt"] ?? Data(), encoding: .utf8))
    let files = try smallTokenizer([
      "merges.txt": merges.replacingOccurrences(of: "\n", with: "\r\n")
    ])
    try withFolder(files) { folder in
      let tokenizer = try CLIPTokenizer(folder: folder)
      let original = try CLIPTokenizer(folder: TokenizerFixture.folder.appending(path: "tokenizer"))
      #expect(tokenizer.vocabulary == original.vocabulary)
    }
  }
}
