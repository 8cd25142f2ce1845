import Foundation
import Safetensors
import Testing

struct SafetensorsWriterTests {
  @Test func theFileIsTheReferencesByteForByte() throws {
    let folder = try TemporaryFolder()
    let tensors = GoldenTensor.all.map {
      SafetensorsWriter.Tensor(name: $0.name, dtype: $0.dtype, shape: $0.shape, bytes: $0.bytes)
    }
    let length = try SafetensorsWriter.write(
      tensors, metadata: ["format": "pt"], to: folder.file())
    let written = try Data(contentsOf: folder.file())
    #expect(written.count == length)
    #expect(written == (try Data(contentsOf: goldenURL)))
  }

  @Test func everyTensorIsAlignedForItsType() throws {
    let folder = try TemporaryFolder()
    // Names in the reverse order of the types' widths, and odd numbers of elements.
    let tensors = SafetensorsDType.allCases.map {
      SafetensorsWriter.Tensor(
        name: "\($0.byteCount)\($0)", dtype: $0, shape: [3],
        bytes: [UInt8](repeating: 1, count: 3 * $0.byteCount))
    }
    try SafetensorsWriter.write(tensors, to: folder.file())
    let file = try SafetensorsFile(folder.file())
    #expect(file.names.count == SafetensorsDType.allCases.count)
    for name in file.names {
      let info = try #require(file.info(name))
      #expect(info.byteRange.lowerBound % info.dtype.byteCount == 0, "\(name)")
    }
  }

  @Test func metadataWithAnyCharactersComeBack() throws {
    let folder = try TemporaryFolder()
    let metadata = ["": "", "json": #"{"r":8,"path":"a\\b"}"#, "line\n\u{0}\u{1F}": "é🟥\u{7F}/"]
    try SafetensorsWriter.write([], metadata: metadata, to: folder.file())
    #expect(try SafetensorsFile(folder.file()).metadata == metadata)
  }

  @Test func bytesAreFetchedOneTensorAtATime() throws {
    let folder = try TemporaryFolder()
    var order: [String] = []
    let tensors = ["b", "a", "c"].map { name in
      SafetensorsWriter.Tensor(name: name, dtype: .uint8, shape: [1]) { body in
        order.append("begin \(name)")
        try [7].withUnsafeBytes { try body(UnsafeRawBufferPointer(rebasing: $0[..<1])) }
        order.append("end \(name)")
      }
    }
    try SafetensorsWriter.write(tensors, to: folder.file())
    #expect(order == ["begin a", "end a", "begin b", "end b", "begin c", "end c"])
  }

  @Test func aFileThatExistsIsKept() throws {
    let folder = try TemporaryFolder()
    try Data("mine".utf8).write(to: folder.file())
    let error = try #require(throws: SafetensorsError.self) {
      try SafetensorsWriter.write([], to: folder.file())
    }
    #expect(
      error.description == "\(folder.file().path): expected a new file that can be written, "
        + "found 'File exists': remove it first, or choose another name")
    #expect(try Data(contentsOf: folder.file()) == Data("mine".utf8))
  }

  @Test func aFileThatCannotBeMadeComesWithTheSystemsReason() throws {
    let error = try #require(throws: SafetensorsError.self) {
      try SafetensorsWriter.write([], to: URL(filePath: "/dev/null/a"))
    }
    #expect(
      error.description
        == "/dev/null/a: expected a new file that can be written, found 'Not a directory'")
  }

  struct RefusedCase: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let tensors: [(name: String, shape: [Int], byteCount: Int)]
    let problem: String
  }

  /// Tensors of type F32.
  @Test(arguments: [
    RefusedCase(
      testDescription: "too few bytes", tensors: [("a", [2], 7)],
      problem: #"tensor "a": expected 8 bytes for F32 [2], found 7"#),
    RefusedCase(
      testDescription: "too many bytes in the second", tensors: [("a", [1], 4), ("b", [], 8)],
      problem: #"tensor "b": expected 4 bytes for F32 [], found 8"#),
    RefusedCase(
      testDescription: "a negative dimension", tensors: [("a", [-1, -2], 8)],
      problem: #"tensor "a": expected a shape of at most 2^63 - 1 bytes, found [-1, -2]"#),
    RefusedCase(
      testDescription: "a shape that overflows", tensors: [("a", [1 << 62], 0)],
      problem: #"tensor "a": expected a shape of at most 2^63 - 1 bytes, "#
        + "found [4611686018427387904]"),
    RefusedCase(
      testDescription: "a sum that overflows",
      tensors: [("a", [1 << 60], 0), ("b", [1 << 60], 0)],
      problem: #"tensor "b": expected at most 2^63 - 1 bytes in all, found more"#),
    RefusedCase(
      testDescription: "a name twice", tensors: [("a", [], 4), ("a", [], 4)],
      problem: #"tensor "a": expected each name once, and none '__metadata__', found it again"#),
    RefusedCase(
      testDescription: "the name of the metadata", tensors: [("__metadata__", [], 4)],
      problem: #"tensor "__metadata__": expected each name once, and none '__metadata__', "#
        + "found it again"),
  ])
  func whatNoFileCanHoldIsRefusedAndLeavesNoFile(_ refused: RefusedCase) throws {
    let folder = try TemporaryFolder()
    let tensors = refused.tensors.map {
      SafetensorsWriter.Tensor(
        name: $0.name, dtype: .float32, shape: $0.shape,
        bytes: [UInt8](repeating: 0, count: $0.byteCount))
    }
    let error = try #require(throws: SafetensorsError.self) {
      try SafetensorsWriter.write(tensors, to: folder.file())
    }
    #expect(error.description == "\(folder.file().path): \(refused.problem)")
    #expect(try folder.fileNames == [])
  }

  @Test func anErrorOfTheSourceLeavesNoFile() throws {
    struct DeviceLost: Error {}
    let folder = try TemporaryFolder()
    let tensor = SafetensorsWriter.Tensor(name: "a", dtype: .bool, shape: [1]) { _ in
      throw DeviceLost()
    }
    #expect(throws: DeviceLost.self) { try SafetensorsWriter.write([tensor], to: folder.file()) }
    #expect(try folder.fileNames == [])
  }

  @Test func aSourceThatGivesNothingIsRefused() throws {
    let folder = try TemporaryFolder()
    let tensor = SafetensorsWriter.Tensor(name: "a", dtype: .bool, shape: [1]) { _ in }
    let error = try #require(throws: SafetensorsError.self) {
      try SafetensorsWriter.write([tensor], to: folder.file())
    }
    #expect(error.found == "0 bytes")
    #expect(try folder.fileNames == [])
  }
}
