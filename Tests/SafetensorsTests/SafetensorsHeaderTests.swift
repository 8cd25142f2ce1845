import Testing

@testable import Safetensors

struct SafetensorsHeaderTests {
  struct HeaderCase: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let header: String
    /// What the error says after the file's name; `nil` where there is none.
    let problem: String?

    init(_ description: String, _ header: String, _ problem: String? = nil) {
      testDescription = description
      self.header = header
      self.problem = problem
    }
  }

  /// Each file has 8 bytes of data.
  @Test(arguments: [
    HeaderCase("one tensor", #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#),
    HeaderCase(
      "fields in another order, spaces, metadata at the end",
      "{ \"a\" :\t{\"data_offsets\":[ 0 , 8 ],\n\"shape\":[],\r\"dtype\":\"I64\"} , "
        + "\"__metadata__\":{} }  "),
    HeaderCase(
      "tensors out of order and an empty one between",
      #"{"c":{"dtype":"U8","shape":[4],"data_offsets":[4,8]},"# + u8("b", 4, 4) + ","
        + u8("a", 0, 4) + "}"),
    HeaderCase(
      "escapes in a name",
      #"{"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00":"#
        + #"{"dtype":"F64","shape":[1,1],"data_offsets":[0,8]}}"#),
    HeaderCase(
      "a missing end", #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}"#,
      "expected ',' or '}' in the header, found the end of the header"),
    HeaderCase(
      "text after the end", "{" + u8("a", 0, 8) + "}  x",
      #"expected only spaces after the last '}', found "x" at byte 63"#),
    HeaderCase(
      "a comma at the end", "{" + u8("a", 0, 8) + ",}",
      #"expected '"' to begin a key in the header, found "}" at byte 61"#),
    HeaderCase(
      "an array", "[]",
      "expected '{' to begin the header at byte 8, found the byte 91: "
        + "this is not a safetensors file"),
    HeaderCase(
      "a tensor that is a list", #"{"a":[]}"#,
      #"tensor "a": expected '{' to begin the tensor's entry, found "[" at byte 13"#),
    HeaderCase(
      "a name twice", "{" + u8("a", 0, 4) + "," + u8("a", 4, 8) + "}",
      #"tensor "a": expected each name once, found it twice"#),
    HeaderCase(
      "a name twice, once with an escape", "{" + u8("a", 0, 4) + "," + u8("\\u0061", 4, 8) + "}",
      #"tensor "a": expected each name once, found it twice"#),
    HeaderCase(
      "a field twice",
      #"{"a":{"dtype":"U8","dtype":"U8","shape":[8],"data_offsets":[0,8]}}"#,
      #"tensor "a": expected dtype, shape and data_offsets, each once, found the key "dtype""#),
    HeaderCase(
      "an unknown field", #"{"a":{"dtype":"U8","stride":[1],"shape":[8],"data_offsets":[0,8]}}"#,
      #"tensor "a": expected dtype, shape and data_offsets, each once, found the key "stride""#),
    HeaderCase(
      "missing fields", #"{"a":{"shape":[8]}}"#,
      #"tensor "a": expected dtype, shape and data_offsets, found no dtype, data_offsets"#),
    HeaderCase(
      "an unknown dtype", #"{"a":{"dtype":"F8_E4M3","shape":[8],"data_offsets":[0,8]}}"#,
      #"tensor "a": expected a dtype of BOOL, U8, I8, I16, F16, BF16, I32, F32, F64, I64, "#
        + #"found "F8_E4M3": convert the tensor to one of these"#),
    HeaderCase(
      "an overlap", "{" + u8("a", 0, 5) + "," + u8("b", 4, 8) + "}",
      #"tensor "b": expected its bytes to begin where the tensor before it ends, at 5, "#
        + "found an overlap: data_offsets [4, 8]"),
    HeaderCase(
      "a hole", "{" + u8("a", 0, 3) + "," + u8("b", 4, 8) + "}",
      #"tensor "b": expected its bytes to begin where the tensor before it ends, at 3, "#
        + "found a hole: data_offsets [4, 8]"),
    HeaderCase(
      "a hole before the first", "{" + u8("a", 1, 8) + "}",
      #"tensor "a": expected its bytes to begin where the tensor before it ends, at 0, "#
        + "found a hole: data_offsets [1, 8]"),
    HeaderCase(
      "data beyond the file", "{" + u8("a", 0, 9) + "}",
      #"tensor "a": expected at least 9 bytes of data, as its data_offsets [0, 9] say, "#
        + "found 8: the file is cut short; copy or download it again"),
    HeaderCase(
      "data that no tensor has", "{" + u8("a", 0, 7) + "}",
      "expected 7 bytes of data, as the header says, found 8: "
        + "the file was appended to; copy or download it again"),
    HeaderCase(
      "an end before the begin", #"{"a":{"dtype":"U8","shape":[8],"data_offsets":[8,0]}}"#,
      #"tensor "a": expected data_offsets of a begin and an end not before it, found [8, 0]"#),
    HeaderCase(
      "three offsets", #"{"a":{"dtype":"U8","shape":[8],"data_offsets":[0,4,8]}}"#,
      #"tensor "a": expected data_offsets of a begin and an end not before it, "#
        + "found more than two numbers"),
    HeaderCase(
      "no offsets", #"{"a":{"dtype":"U8","shape":[8],"data_offsets":[]}}"#,
      #"tensor "a": expected data_offsets of a begin and an end not before it, found []"#),
    HeaderCase(
      "a negative offset", #"{"a":{"dtype":"U8","shape":[8],"data_offsets":[-8,0]}}"#,
      #"tensor "a": expected a whole number from 0 to 2^63 - 1 in data_offsets, "#
        + #"found "-" at byte 55"#),
    HeaderCase(
      "an offset of 1e30", #"{"a":{"dtype":"U8","shape":[8],"data_offsets":[0,1e30]}}"#,
      #"tensor "a": expected a whole number from 0 to 2^63 - 1 in data_offsets, "#
        + #"found "1" at byte 57"#),
    HeaderCase(
      "an offset of 2^63",
      #"{"a":{"dtype":"U8","shape":[8],"data_offsets":[0,9223372036854775808]}}"#,
      #"tensor "a": expected a whole number from 0 to 2^63 - 1 in data_offsets, "#
        + "found a larger one at byte 57"),
    HeaderCase(
      "a leading zero", #"{"a":{"dtype":"U8","shape":[08],"data_offsets":[0,8]}}"#,
      #"tensor "a": expected a whole number from 0 to 2^63 - 1 in shape, "#
        + #"found "0" at byte 36"#),
    HeaderCase(
      "a fraction", #"{"a":{"dtype":"U8","shape":[8.0],"data_offsets":[0,8]}}"#,
      #"tensor "a": expected a whole number from 0 to 2^63 - 1 in shape, "#
        + #"found "8" at byte 36"#),
    HeaderCase(
      "fewer bytes than the shape needs",
      #"{"a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,8]}}"#,
      #"tensor "a": expected 16 bytes for F32 [2, 2], found 8 in data_offsets [0, 8]"#),
    HeaderCase(
      "a shape whose product overflows",
      #"{"a":{"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,0]}}"#,
      #"tensor "a": expected more than 2^63 - 1 bytes for U8 [4294967296, 4294967296], "#
        + "found 0 in data_offsets [0, 0]"),
    HeaderCase(
      "a shape whose bytes overflow",
      #"{"a":{"dtype":"F64","shape":[2305843009213693952],"data_offsets":[0,0]}}"#,
      #"tensor "a": expected more than 2^63 - 1 bytes for F64 [2305843009213693952], "#
        + "found 0 in data_offsets [0, 0]"),
    HeaderCase(
      "a shape of 65 dimensions",
      "{\"a\":{\"dtype\":\"U8\",\"shape\":[" + String(repeating: "1,", count: 64)
        + "1],\"data_offsets\":[0,8]}}",
      #"tensor "a": expected a shape of at most 64 dimensions, found more"#),
    HeaderCase(
      "metadata twice", #"{"__metadata__":{},"__metadata__":{},"# + u8("a", 0, 8) + "}",
      "expected one __metadata__, found two"),
    HeaderCase(
      "a metadata key twice", #"{"__metadata__":{"k":"1","k":"2"},"# + u8("a", 0, 8) + "}",
      #"expected each key of __metadata__ once, found "k" twice"#),
    HeaderCase(
      "metadata that is a number", #"{"__metadata__":{"k":1},"# + u8("a", 0, 8) + "}",
      #"expected '"' to begin the text of a key in __metadata__, found "1" at byte 29"#),
    HeaderCase(
      "half a surrogate pair", #"{"\ud83d":{}}"#,
      #"expected a valid escape after '\' in a key in the header, found "u" at byte 11"#),
    HeaderCase(
      "a bad hexadecimal digit", #"{"\u00g0":{}}"#,
      #"expected a valid escape after '\' in a key in the header, found "u" at byte 11"#),
    HeaderCase(
      "an unknown escape", #"{"\x41":{}}"#,
      #"expected a valid escape after '\' in a key in the header, found "x" at byte 11"#),
    HeaderCase(
      "a control character in a name", "{\"a\nb\":{}}",
      #"expected '"' to end a key in the header, found "\n" at byte 11"#),
  ])
  func everyFlawIsNamedAndWhatIsValidIsRead(_ headerCase: HeaderCase) throws {
    let read = { try header(Array(headerCase.header.utf8), dataLength: 8) }
    guard let problem = headerCase.problem else {
      _ = try read()
      return
    }
    let error = try #require(throws: SafetensorsError.self, performing: read)
    #expect(error.description == "f: \(problem)")
  }

  @Test func invalidUTF8IsRefused() throws {
    var bytes = Array(#"{"ab":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}}"#.utf8)
    bytes[2] = 0xFF
    let error = try #require(throws: SafetensorsError.self) { try header(bytes, dataLength: 8) }
    #expect(
      error.description == "f: expected UTF-8 in a key in the header, "
        + "found other bytes before byte 13")
  }

  @Test func endlessMetadataIsRefused() throws {
    let texts = (0...10_000).map { "\"\($0)\":\"\"" }.joined(separator: ",")
    let error = try #require(throws: SafetensorsError.self) {
      try header(Array("{\"__metadata__\":{\(texts)}}".utf8), dataLength: 0)
    }
    #expect(error.expected == "at most 10000 texts in __metadata__")
  }

  @Test func escapesAreTheCharactersTheyStandFor() throws {
    let text = #"{"__metadata__":{"k":"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00"}}"#
    let value = try header(Array(text.utf8), dataLength: 0).metadata["k"]
    #expect(value == "\"\\/\u{8}\u{C}\n\r\té😀")
  }

  @Test func anErrorDoesNotRepeatAHugeName() throws {
    let name = "a" + String(repeating: "\u{301}", count: 1_000_000)
    let error = try #require(throws: SafetensorsError.self) {
      try header(Array("{\"\(name)\":[]}".utf8), dataLength: 0)
    }
    #expect(error.description.utf8.count < 2_000)
  }

  @Test(.timeLimit(.minutes(1)))
  func deepNestingIsRefusedAtOnce() throws {
    let deep = Array(("{\"a\":" + String(repeating: "[", count: 1_000_000)).utf8)
    #expect(throws: SafetensorsError.self) { try header(deep, dataLength: 0) }
  }

  /// A twentieth of the most that a header can hold: the checks must not grow with the square.
  @Test(.timeLimit(.minutes(1)))
  func manyTensorsAreRead() throws {
    let count = 50_000
    // Backwards, so that they have to be sorted.
    let entries = (0..<count).reversed().map { u8("tensor.\($0)", $0, $0 + 1) }
    let header = try header(
      Array("{\(entries.joined(separator: ","))}".utf8), dataLength: count)
    #expect(header.tensors.count == count)
    #expect(header.index(of: "tensor.49999") == 49_999)
  }
}

/// Returns the entry of a tensor of bytes.
private func u8(_ name: String, _ start: Int, _ end: Int) -> String {
  #""\#(name)":{"dtype":"U8","shape":[\#(end - start)],"data_offsets":[\#(start),\#(end)]}"#
}

func header(_ bytes: [UInt8], dataLength: Int) throws -> SafetensorsHeader {
  try bytes.withUnsafeBufferPointer {
    try SafetensorsHeader(HeaderReader($0, file: "f"), file: "f", dataLength: dataLength)
  }
}
