import Foundation
import Testing

@testable import Safetensors

struct SafetensorsFileTests {
  @Test(arguments: [SafetensorsFile.Access.mapped, .inMemory])
  func theReferencesFileIsRead(_ access: SafetensorsFile.Access) throws {
    let file = try SafetensorsFile(goldenURL, access: access)
    #expect(file.metadata == ["format": "pt"])
    #expect(Set(file.names) == Set(GoldenTensor.all.map(\.name)))
    #expect(file.names.count == GoldenTensor.all.count)
    let whole = try [UInt8](Data(contentsOf: goldenURL))
    for tensor in GoldenTensor.all {
      let info = try #require(file.info(tensor.name))
      #expect(info.dtype == tensor.dtype)
      #expect(info.shape == tensor.shape)
      #expect(try file.withBytes(of: tensor.name) { Array($0) } == tensor.bytes)
      #expect(Array(whole[info.byteRange]) == tensor.bytes)
    }
  }

  @Test func aTensorThatIsNotThereIsNamed() throws {
    let file = try SafetensorsFile(goldenURL)
    #expect(file.info("u9") == nil)
    let error = try #require(throws: SafetensorsError.self) {
      try file.withBytes(of: "u9") { _ in }
    }
    #expect(
      error.description == "\(goldenURL.path): tensor \"u9\": expected a tensor of this name, "
        + "found 12 tensors of other names")
  }

  @Test func aFileWithoutTensorsIsEmpty() throws {
    let folder = try TemporaryFolder()
    try fileBytes(header: "{}", dataCount: 0).write(to: folder.file())
    for access in [SafetensorsFile.Access.mapped, .inMemory] {
      let file = try SafetensorsFile(folder.file(), access: access)
      #expect(file.names.isEmpty)
      #expect(file.metadata.isEmpty)
    }
  }

  @Test func aFileInMemoryOutlivesItsNameAndItsBytes() throws {
    let folder = try TemporaryFolder()
    let header = #"{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}"#
    try fileBytes(header: header, dataCount: 4).write(to: folder.file())
    let file = try SafetensorsFile(folder.file(), access: .inMemory)
    let handle = try FileHandle(forWritingTo: folder.file())
    try handle.truncate(atOffset: 0)
    try handle.close()
    #expect(try file.withBytes(of: "a") { Array($0) } == [0, 1, 2, 3])
  }

  struct LengthCase: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let bytes: [UInt8]
    let problem: String
  }

  @Test(arguments: [
    LengthCase(
      testDescription: "an empty file", bytes: [],
      problem: "expected the 8 bytes of a header's length, found 0 bytes: "
        + "the file is cut short; copy or download it again"),
    LengthCase(
      testDescription: "half a length", bytes: [2, 0, 0, 0],
      problem: "expected the 8 bytes of a header's length, found 4 bytes: "
        + "the file is cut short; copy or download it again"),
    LengthCase(
      testDescription: "a length of 0", bytes: [0, 0, 0, 0, 0, 0, 0, 0],
      problem: "expected '{' to begin the header at byte 8, found an empty header: "
        + "this is not a safetensors file"),
    LengthCase(
      testDescription: "a length beyond the file", bytes: [3, 0, 0, 0, 0, 0, 0, 0, 0x7B, 0x7D],
      problem: "expected a header of at most 2 bytes, found 3: "
        + "this is not a safetensors file, or it is cut short"),
    LengthCase(
      testDescription: "a length of 2^63", bytes: [0, 0, 0, 0, 0, 0, 0, 0x80, 0x7B, 0x7D],
      problem: "expected a header of at most 2 bytes, found 9223372036854775808: "
        + "this is not a safetensors file, or it is cut short"),
    LengthCase(
      testDescription: "a length of 2^64 - 1",
      bytes: [255, 255, 255, 255, 255, 255, 255, 255, 0x7B, 0x7D],
      problem: "expected a header of at most 2 bytes, found 18446744073709551615: "
        + "this is not a safetensors file, or it is cut short"),
    LengthCase(
      testDescription: "a pickle", bytes: Array("\u{2}\0\0\0\0\0\0\0PK".utf8),
      problem: "expected '{' to begin the header at byte 8, found the byte 80: "
        + "this is not a safetensors file"),
  ])
  func aBadHeaderLengthIsRefused(_ textCase: LengthCase) throws {
    let folder = try TemporaryFolder()
    try Data(textCase.bytes).write(to: folder.file())
    let error = try #require(throws: SafetensorsError.self) { try SafetensorsFile(folder.file()) }
    #expect(error.description == "\(folder.file().path): \(textCase.problem)")
  }

  @Test func aHeaderAboveTheLimitIsRefusedUnread() throws {
    let folder = try TemporaryFolder()
    var length = UInt64(100_000_001).littleEndian
    try Data(bytes: &length, count: 8).write(to: folder.file())
    let handle = try FileHandle(forWritingTo: folder.file())
    try handle.truncate(atOffset: 200_000_000)  // a hole, which takes no place on the disk
    try handle.close()
    let error = try #require(throws: SafetensorsError.self) { try SafetensorsFile(folder.file()) }
    #expect(error.expected == "a header of at most 100000000 bytes")
  }

  @Test(.timeLimit(.minutes(1)))
  func onlyRegularFilesAreOpened() throws {
    let folder = try TemporaryFolder()
    let pipe = folder.file("pipe")
    #expect(mkfifo(pipe.path, 0o600) == 0)
    for url in [pipe, URL(filePath: "/dev/zero"), FileManager.default.temporaryDirectory] {
      let error = try #require(throws: SafetensorsError.self) { try SafetensorsFile(url) }
      #expect(error.expected == "a regular file")
    }
    let error = try #require(throws: SafetensorsError.self) {
      try SafetensorsFile(folder.file("none"))
    }
    #expect(
      error.description == "\(folder.file("none").path): expected a file that can be opened, "
        + "found 'No such file or directory'")
  }
}
