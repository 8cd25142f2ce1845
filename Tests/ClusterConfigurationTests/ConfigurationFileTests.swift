import ClusterConfiguration
import Foundation
import Testing

@Suite struct ConfigurationFileTests {
  /// Calls `body` with the path of a file in a folder that is gone afterwards.
  private func withPath(_ body: (String) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try body(folder.appending(path: "it's one.yaml").path(percentEncoded: false))
  }

  private func errorText(ofLoading path: String) -> String {
    do throws(ConfigurationError) {
      _ = try RunConfiguration.load(path: path)
      return "no error"
    } catch {
      return error.description
    }
  }

  @Test func aFileIsReadWithItsOverrides() throws {
    try withPath { path in
      try Data("\u{FEFF}run:\r\n  seed: 5\r\n".utf8).write(to: URL(filePath: path))
      let configuration = try RunConfiguration.load(path: path, overrides: ["run.epochs=2"])
      #expect(configuration.run.seed == 5)
      #expect(configuration.run.epochs == 2)
    }
  }

  @Test func aMissingFileIsNamed() throws {
    try withPath { path in
      #expect(errorText(ofLoading: path) == "\(path): cannot be opened: No such file or directory")
    }
  }

  @Test func aFolderAPipeAndADeviceAreRefusedWithoutWaiting() throws {
    try withPath { path in
      #expect(mkfifo(path, 0o600) == 0)
      #expect(errorText(ofLoading: path) == "\(path): not a regular file")
    }
    #expect(errorText(ofLoading: "/tmp") == "/tmp: not a regular file")
    #expect(errorText(ofLoading: "/dev/zero") == "/dev/zero: not a regular file")
  }

  @Test func aGigabyteIsRefusedWithoutReadingIt() throws {
    try withPath { path in
      #expect(FileManager.default.createFile(atPath: path, contents: nil))
      #expect(truncate(path, 1 << 30) == 0)
      #expect(
        errorText(ofLoading: path)
          == "\(path): larger than 1000000 bytes: a configuration is a small text file")
    }
  }

  @Test func bytesThatAreNotUTF8AreRefusedWithTheirLine() throws {
    try withPath { path in
      try Data(Array("run:\n  output: a".utf8) + [0xC3, 0x28, 0x0A]).write(
        to: URL(filePath: path))
      #expect(
        errorText(ofLoading: path)
          == "\(path):2: not valid UTF-8: save the file as UTF-8")
    }
  }
}
