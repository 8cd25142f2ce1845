import Foundation

/// Runs `body` with a new empty folder and removes it afterwards.
func withScratchFolder<Result>(_ body: (String) throws -> Result) throws -> Result {
  let url = FileManager.default.temporaryDirectory.appending(path: "training-\(UUID())")
  try FileManager.default.createDirectory(at: url, withIntermediateDirectories: false)
  defer { try? FileManager.default.removeItem(at: url) }
  return try body(url.path)
}

/// Writes a file and returns its path.
@discardableResult
func write(_ bytes: some Sequence<UInt8>, to path: String) throws -> String {
  try Data(bytes).write(to: URL(filePath: path))
  return path
}

/// The bytes of a file.
func contents(of path: String) throws -> Data { try Data(contentsOf: URL(filePath: path)) }

/// The text of a file.
func text(of path: String) throws -> String {
  try String(contentsOf: URL(filePath: path), encoding: .utf8)
}

/// The names in a folder, hidden ones too, in order.
func names(in path: String) throws -> [String] {
  try FileManager.default.contentsOfDirectory(atPath: path).sorted()
}

/// The text of the error that `body` throws.
func errorText(_ body: () throws -> Void) -> String? {
  do {
    try body()
    return nil
  } catch {
    return "\(error)"
  }
}
