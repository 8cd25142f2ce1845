import Foundation
import Testing

@testable import Training

struct PromptFileTests {
  struct Readable: CustomTestStringConvertible {
    let testDescription: String
    let name: String
    let text: String
    let prompts: [Prompt]

    init(_ description: String, _ name: String, _ text: String, _ prompts: [String]) {
      self.init(description, name, text, prompts.map { Prompt(text: $0) })
    }

    init(_ description: String, _ name: String, _ text: String, _ prompts: [Prompt]) {
      testDescription = description
      self.name = name
      self.text = text
      self.prompts = prompts
    }
  }

  static let readable = [
    Readable("lines", "a.txt", "a red fox\na blue star\n", ["a red fox", "a blue star"]),
    Readable("no newline at the end", "a.txt", "one\ntwo", ["one", "two"]),
    Readable(
      "CRLF, spaces and blank lines", "a.txt", "\r\n  one \t\r\n \r\ntwo\r\n", ["one", "two"]),
    Readable("a byte order mark", "a.txt", "\u{FEFF}one\ntwo\n", ["one", "two"]),
    Readable("a prompt twice", "a.txt", "one\none\n", ["one", "one"]),
    Readable("other scripts", "A.TXT", "Salvador Dalí\n狐\n", ["Salvador Dalí", "狐"]),
    Readable(
      "objects, one a line", "a.jsonl",
      "{\"prompt\": \" a \\\"red\\\" fox\"}\n\n{\"id\": 3, \"prompt\": \"\\u72d0\"}\r\n",
      ["a \"red\" fox", "狐"]),
    Readable("a list of texts", "a.json", "[\"one\",\n \"two\"]\n", ["one", "two"]),
    Readable(
      "a list of objects", "a.json", "\u{FEFF}[{\"prompt\":\"one\",\"tag\":1},\"two\"]",
      ["one", "two"]),
    Readable("one column", "a.csv", "prompt\none\n\ntwo\n", ["one", "two"]),
    Readable(
      "quoted fields", "a.csv",
      "id,Prompt,note\r\n1,\"a fox, red\",x\r\n2,\"a \"\"big\"\" one\",\r\n3,\"two\nlines\",y",
      ["a fox, red", "a \"big\" one", "two\nlines"]),
    Readable(
      "PartiPrompts", "a.tsv",
      "Prompt\tCategory\tChallenge\tNote\nbond\tAbstract\tBasic\tBiology\n"
        + "the words \"Fly an airplane\" on a wall\tScenes\tComplex\t\n",
      ["bond", "the words \"Fly an airplane\" on a wall"]),
    Readable("a quoted last field before CRLF", "a.tsv", "n\tPROMPT\r\n1\t\"one\"\r\n", ["one"]),
    Readable(
      "quotes of all kinds", "a.csv", "prompt,x\n\"\"\"\",1\na\"\"b,\"\"\"q\"\"\"\nc,\"\"\nd,",
      ["\"", "a\"\"b", "c", "d"]),
    Readable(
      "entries over several lines", "a.json",
      " [\n {\"tags\": [\"]\", {\"a\": \"}\\\"\"}],\n  \"prompt\": \"one\"}\n,\n\"\\\"t\\\\\" ]\n\n",
      ["one", "\"t\\"]),
    Readable(
      "objects with negative prompts", "a.jsonl",
      "{\"prompt\": \"one\", \"negative_prompt\": \" blurry \"}\n"
        + "{\"prompt\": \"two\", \"negative_prompt\": null}\n{\"prompt\": \"three\"}\n",
      [Prompt(text: "one", negative: "blurry"), Prompt(text: "two"), Prompt(text: "three")]),
    Readable(
      "a list with negative prompts", "a.json",
      "[{\"negative_prompt\": \"dark\", \"prompt\": \"one\"}, \"two\"]",
      [Prompt(text: "one", negative: "dark"), Prompt(text: "two")]),
    Readable(
      "a column of negative prompts", "a.csv",
      "Negative_Prompt,prompt\n\"a, b\",one\n,two\n \t,three\n",
      [Prompt(text: "one", negative: "a, b"), Prompt(text: "two"), Prompt(text: "three")]),
    Readable(
      "a last column of negative prompts that some rows leave out", "a.tsv",
      "prompt\tnegative_prompt\none\n\"two\"\t\"dark\"\n",
      [Prompt(text: "one"), Prompt(text: "two", negative: "dark")]),
  ]

  @Test(arguments: readable)
  func readsEachForm(_ file: Readable) throws {
    try withScratchFolder { folder in
      let path = try write(file.text.utf8, to: "\(folder)/\(file.name)")
      #expect(try PromptFile(path: path).entries == file.prompts)
    }
  }

  /// A record may begin in one piece of a file and end in another.
  @Test(arguments: readable)
  func theLengthOfAPieceMakesNoDifference(_ file: Readable) throws {
    try withScratchFolder { folder in
      let path = try write(file.text.utf8, to: "\(folder)/\(file.name)")
      for byteCount in [1, 2, 3, 5, 8, 13, 1000] {
        let scanner = try PromptScanner(path: path, byteCount: byteCount)
        var prompts: [Prompt] = []
        while let found = try scanner.next() { prompts.append(found.prompt) }
        #expect(prompts == file.prompts, "\(byteCount) bytes")
        #expect(try scanner.finish() == sha256(of: Data(file.text.utf8)))
      }
    }
  }

  struct Refused: CustomTestStringConvertible {
    let name: String
    let bytes: [UInt8]
    let error: String
    var testDescription: String { error }

    init(_ name: String, _ bytes: some Sequence<UInt8>, _ error: String) {
      self.name = name
      self.bytes = Array(bytes)
      self.error = error
    }
  }

  static let longLine = Array("one\n".utf8) + [UInt8](repeating: 0x61, count: 65_537)
  static let wrongJSONLine =
    #"expected a JSON object with a text "prompt", such as {"prompt": "a red fox"}, found "#
  static let wrongJSONList =
    #"expected a JSON list of texts or of objects with a text "prompt", found "#

  static let brokenList = wrongJSONList + "invalid JSON: "

  static let refused = [
    Refused("a.txt", [], "a.txt: expected at least one prompt, found an empty file"),
    Refused("a.txt", "\n \n".utf8, "a.txt: expected at least one prompt, found none"),
    Refused("a.csv", "prompt\n".utf8, "a.csv: expected at least one prompt, found none"),
    Refused("a.json", "[]".utf8, "a.json: expected at least one prompt, found none"),
    Refused(
      "a.txt", longLine,
      "a.txt:2: expected at most 65536 bytes, found 65537: "
        + "a text encoder reads some 77 words; is this a prompt file?"),
    Refused(
      "a.json", "[\"one\", \"".utf8 + longLine.dropFirst(4) + "\"]".utf8,
      "a.json, entry 2: expected at most 65536 bytes, found 65537: "
        + "a text encoder reads some 77 words; is this a prompt file?"),
    Refused(
      "a.txt", "one\ntwo\n\u{0}three".utf8,
      "a.txt:3: expected text, found a NUL byte: is this a text file, saved as UTF-8?"),
    Refused(
      "a.jsonl", #"{"prompt": "a\u0000b"}"#.utf8, "a.jsonl:1: expected text, found a NUL character"),
    Refused(
      "a.txt", "Dal".utf8 + [0xED, 0x0A],
      "a.txt:1: expected UTF-8 text, found bytes that are not: save the file as UTF-8"),
    Refused(
      "a.json", "[\n\"".utf8 + [0xFF] + "\"]".utf8,
      "a.json:2: expected UTF-8 text, found bytes that are not: save the file as UTF-8"),
    Refused(
      "a.jsonl", "{\"prompt\":\"a\"}\n{\"text\":\"b\"}".utf8, "a.jsonl:2: \(wrongJSONLine)none"),
    Refused("a.jsonl", #"{"prompt": 3}"#.utf8, "a.jsonl:1: \(wrongJSONLine)something else"),
    Refused(
      "a.jsonl", #"{"prompt": "  "}"#.utf8, "a.jsonl:1: expected a prompt, found an empty one"),
    Refused("a.json", #"["one", {"text": "two"}]"#.utf8, "a.json: \(wrongJSONList)none in entry 2"),
    Refused("a.json", #"{"prompt": "one"}"#.utf8, "a.json: \(wrongJSONList)something else"),
    Refused(
      "a.csv", "id,text\n1,one\n".utf8,
      "a.csv:1: expected a header with a column named prompt, found the columns id, text"),
    Refused("a.csv", "id,prompt\n1,one\n2\n".utf8, "a.csv:3: expected at least 2 fields, found 1"),
    Refused("a.csv", "id,prompt\n1,\n".utf8, "a.csv:2: expected a prompt, found an empty one"),
    Refused(
      "a.csv", "prompt\n\"a\nb\"\n\"c\nd".utf8,
      "a.csv:4: expected a second quote to end the field, found the file's end"),
    Refused(
      "a.csv", "prompt\n\"a\" fox\n".utf8,
      "a.csv:2: expected the field to end with its closing quote, found more text: "
        + "put quotes around the whole field and double those within"),
    Refused(
      "a.jsonl", #"{"prompt": "a", "negative_prompt": 3}"#.utf8,
      "a.jsonl:1: \(wrongJSONLine)something else"),
    Refused("a.json", #"["one" "two"]"#.utf8, "a.json: \(brokenList)a comma is missing, line 1"),
    Refused("a.json", "[\"one\",\n]".utf8, "a.json: \(brokenList)an entry is missing, line 2"),
    Refused("a.json", "[\"one\"]\nx".utf8, "a.json: \(brokenList)more follows its end, line 2"),
    Refused("a.json", "\"one\"".utf8, "a.json: \(wrongJSONList)something else"),
    Refused("a.json", "[\"one\", 3]".utf8, "a.json: \(wrongJSONList)something else in entry 2"),
    Refused("a.json", "\n".utf8, "a.json: \(brokenList)none begins, line 2"),
    Refused(
      "a.txt", Array("a\n".utf8) + repeatElement(0x61, count: 3 << 20),
      "a.txt:2: expected at most 65536 bytes, found more: "
        + "a text encoder reads some 77 words; is this a prompt file?"),
    Refused(
      "a.csv", Array("prompt\na\n\"b\n".utf8) + repeatElement(0x0A, count: 2 << 20),
      "a.csv:3: expected at most 1048576 bytes in a row or an entry, found more: is a quote missing?"
    ),
    Refused(
      "a.csv", Array("prompt\na,b\n".utf8) + repeatElement(0x61, count: 70_000),
      "a.csv:3: expected at most 65536 bytes, found 70000: "
        + "a text encoder reads some 77 words; is this a prompt file?"),
    Refused(
      "a.csv", "prompt,x\na,\"b\n".utf8 + [0xFF, 0x22],
      "a.csv:3: expected UTF-8 text, found bytes that are not: save the file as UTF-8"),
    Refused(
      "a.parquet", "PAR1".utf8,
      "a.parquet: expected a prompt file that ends in one of .txt, .jsonl, .json, .csv, .tsv, "
        + "found .parquet: rename it after what it contains"),
  ]

  @Test(arguments: refused)
  func namesFileAndLineOfBadInput(_ file: Refused) throws {
    try withScratchFolder { folder in
      let path = try write(file.bytes, to: "\(folder)/\(file.name)")
      #expect(errorText { _ = try PromptFile(path: path) } == "\(folder)/\(file.error)")
    }
  }

  @Test func saysWhereJSONIsBroken() throws {
    try withScratchFolder { folder in
      let path = try write("[\"one\", ".utf8, to: "\(folder)/a.json")
      let error = try #require(errorText { _ = try PromptFile(path: path) })
      #expect(error.contains("\(path): \(Self.wrongJSONList)invalid JSON: "))
    }
  }

  @Test func refusesWhatIsNoFile() throws {
    try withScratchFolder { folder in
      let path = "\(folder)/prompts.txt"
      #expect(
        errorText { _ = try PromptFile(path: path) }
          == "\(path): expected a file that can be read, found 'No such file or directory'")
      // Opened for reading in the usual way, a FIFO would wait for a writer for ever.
      #expect(mkfifo(path, 0o600) == 0)
      #expect(
        errorText { _ = try PromptFile(path: path) }
          == "\(path): expected a regular file, found a pipe or a device")
      let folderPath = "\(folder)/folder.txt"
      try FileManager.default.createDirectory(
        atPath: folderPath, withIntermediateDirectories: false)
      #expect(
        errorText { _ = try PromptFile(path: folderPath) }
          == "\(folderPath): expected a regular file, found a folder")
    }
  }

  @Test func theHashIsThatOfTheBytes() throws {
    try withScratchFolder { folder in
      let path = try write("abc".utf8, to: "\(folder)/a.txt")
      // FIPS 180-2, appendix B.1.
      #expect(
        try PromptFile(path: path).sha256
          == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    }
  }
}
