import Foundation
import TestSupport
import Testing
import TorchNN

@Suite struct JSONFileTests {
  @Test func valuesHaveTheTypesOfTheFile() throws {
    try withJSON(
      """
      {"i": 3, "d": 0.5, "e": 1e-5, "t": true, "f": false, "s": "x", "n": null, "is": [1, 2],
       "ds": [0.5, 1], "ss": ["a", "b"], "none": []}
      """
    ) { json throws in
      #expect(try json.int("i") == 3)
      #expect(try json.double("d") == 0.5)
      #expect(try json.double("e") == 1e-5)
      #expect(try json.double("i") == 3)
      #expect(try json.bool("t") && !json.bool("f"))
      #expect(try json.string("s") == "x")
      #expect(try json.ints("is") == [1, 2])
      #expect(try json.doubles("ds") == [0.5, 1])
      #expect(try json.strings("ss") == ["a", "b"])
      #expect(try json.ints("none").isEmpty)
      #expect(json.contains("i") && !json.contains("n") && !json.contains("absent"))
      #expect(try json.int("n", default: 7) == 7)
      #expect(try json.string("absent", default: "y") == "y")
      #expect(try json.ints("i", perLevel: 2, default: 8) == [3, 3])
      #expect(try json.ints("is", perLevel: 2, default: 8) == [1, 2])
      #expect(try json.ints("absent", perLevel: 2, default: 8) == [8, 8])
    }
  }

  @Test func anObjectIsReadLikeAFile() throws {
    try withJSON(#"{"a": {"i": 1, "b": {"s": "x"}}, "i": 2, "n": null}"#) { json throws in
      #expect(json.containsObject("a") && !json.containsObject("i"))
      #expect(!json.containsObject("n") && !json.containsObject("absent"))
      let a = try json.object("a")
      #expect(try a.int("i") == 1)
      #expect(try a.object("b").string("s") == "x")
      #expect(a.path == json.path)
    }
  }

  /// A reading that must fail, and the end of its text after the file's path.
  struct Failure: Sendable, CustomTestStringConvertible {
    let contents: String
    let text: String
    let read: @Sendable (JSONFile) throws -> Void

    init(_ contents: String, _ text: String, _ read: @escaping @Sendable (JSONFile) throws -> Void)
    {
      self.contents = contents
      self.text = text
      self.read = read
    }

    var testDescription: String { text }
  }

  static let failures = [
    Failure(#"{}"#, "a must be an integer, found nothing") { _ = try $0.int("a") },
    Failure(#"{"a": null}"#, "a must be an integer, found nothing") { _ = try $0.int("a") },
    Failure(#"{"a": "3"}"#, "a must be an integer, found 3") { _ = try $0.int("a", default: 1) },
    Failure(#"{"a": 0.5}"#, "a must be an integer, found 0.5") { _ = try $0.int("a") },
    Failure(#"{"a": 1e30}"#, "a must be an integer, found 1e+30") { _ = try $0.int("a") },
    Failure(#"{"a": true}"#, "a must be an integer, found true") { _ = try $0.int("a") },
    Failure(#"{"a": [1]}"#, "a must be an object, found [1]") { _ = try $0.object("a") },
    Failure(#"{"a": {"b": {}}}"#, "a.b.c must be an integer, found nothing") {
      _ = try $0.object("a").object("b").int("c")
    },
    Failure(#"{"a": {"b": "x"}}"#, "a.b is x, which is not supported; supported: y") {
      try $0.object("a").require("b", oneOf: ["y"])
    },
    Failure(#"{"a": "x"}"#, "a must be a number, found x") { _ = try $0.double("a") },
    Failure(#"{"a": true}"#, "a must be a number, found true") { _ = try $0.double("a") },
    Failure(#"{"a": 1}"#, "a must be true or false, found 1") { _ = try $0.bool("a") },
    Failure(#"{"a": 1}"#, "a must be a string, found 1") { _ = try $0.string("a") },
    Failure(#"{"a": [1, "x"]}"#, "a must be a list of integers, found [1, x]") {
      _ = try $0.ints("a")
    },
    Failure(#"{"a": ["x", 1]}"#, "a must be a list of strings, found [x, 1]") {
      _ = try $0.strings("a")
    },
    Failure(#"{"a": 1}"#, "a must be a list of numbers, found 1") { _ = try $0.doubles("a") },
    Failure(#"{"a": [1]}"#, "a must be 2 integers, one a level, found [1]") {
      _ = try $0.ints("a", perLevel: 2, default: 8)
    },
    Failure(#"{"a": "relu"}"#, "a is relu, which is not supported; supported: silu, gelu") {
      try $0.require("a", oneOf: ["silu", "gelu"])
    },
    Failure(#"{"a": true}"#, "a is true, which is not supported; supported: false") {
      try $0.require("a", oneOf: ["false"])
    },
    Failure(#"{"a": 1}"#, "a is 1, which is not supported; supported: true") {
      try $0.require("a", oneOf: ["true"])
    },
    Failure(#"{"a": 0}"#, "a is 0, which is not supported; supported: 3") {
      try $0.require("a", oneOf: ["3"])
    },
    Failure(#"[1]"#, "expected a JSON object") { _ in },
    Failure(#"{"a": "#, "expected a JSON object") { _ in },
    Failure("", "expected a JSON object") { _ in },
  ]

  @Test(arguments: failures)
  func whatIsNotAsExpectedIsNamed(_ failure: Failure) throws {
    try withTemporaryFolder { folder in
      let path = folder.appending(path: "config.json").path
      try Data(failure.contents.utf8).write(to: URL(filePath: path))
      let error = #expect(throws: ModelError.self) { try failure.read(JSONFile(path: path)) }
      #expect(error?.description == "\(path): \(failure.text)")
    }
  }

  @Test(arguments: [
    (#"{"a": "silu"}"#, "silu"), (#"{"a": false}"#, "false"), (#"{"a": true}"#, "true"),
    (#"{"a": 1}"#, "1"), (#"{"a": 1.0}"#, "1"), (#"{"a": 0}"#, "0"), (#"{"a": 3}"#, "3"),
    (#"{"a": null}"#, "false"), (#"{}"#, "false"),
  ])
  func whatIsSupportedOrLeftOutIsAccepted(contents: String, supported: String) throws {
    try withJSON(contents) { try $0.require("a", oneOf: [supported]) }
  }

  @Test func aFileThatIsNotThereIsNamed() {
    let error = #expect(throws: ModelError.self) { try JSONFile(path: "/nowhere/config.json") }
    #expect(
      error?.description == "/nowhere/config.json: no such file; expected a model folder in "
        + "diffusers' layout")
  }

  @Test func aFileOfMoreThanFourMegabytesIsNotRead() throws {
    try withTemporaryFolder { folder in
      let path = folder.appending(path: "config.json").path
      try Data(repeating: 0x20, count: 4 << 20 + 1).write(to: URL(filePath: path))
      let error = #expect(throws: ModelError.self) { try JSONFile(path: path) }
      #expect(error?.description == "\(path): expected a JSON file of at most 4 MiB")
    }
  }

  @Test func aFolderInPlaceOfAFileIsRefused() throws {
    try withTemporaryFolder { folder in
      #expect(throws: ModelError.self) { try JSONFile(path: folder.path) }
    }
  }

  private func withJSON(_ contents: String, _ body: (JSONFile) throws -> Void) throws {
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "config.json")
      try Data(contents.utf8).write(to: url)
      try body(JSONFile(path: url.path))
    }
  }
}
