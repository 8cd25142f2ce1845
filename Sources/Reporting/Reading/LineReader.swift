import Foundation

/// Files of a run folder, which may be damaged, huge, written to at this moment, or no files at all.
enum LineReader {
  private static let pieceByteCount = 1 << 20

  /// Hands each line of a file to `body`, the last one also where it is not ended; lines of more
  /// than a megabyte and empty ones are left out.
  ///
  /// - Returns: Whether there is such a file.
  static func forEachLine(of path: String, _ body: (Data) -> Void) -> Bool {
    guard let file = regularFile(path) else { return false }
    defer { try? file.close() }
    var rest = Data()
    var isTooLong = false
    while let piece = try? file.read(upToCount: pieceByteCount), !piece.isEmpty {
      let lines = piece.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
      for line in lines.dropLast() {
        rest.append(line)
        if !isTooLong, !rest.isEmpty { body(rest) }
        (rest, isTooLong) = (Data(), false)
      }
      rest.append(lines[lines.count - 1])
      if rest.count > pieceByteCount { (rest, isTooLong) = (Data(), true) }
    }
    if !isTooLong, !rest.isEmpty { body(rest) }
    return true
  }

  /// All of a file; `nil` where there is none, or it has more than `byteLimit` bytes.
  static func contents(of path: String, byteLimit: Int) -> Data? {
    guard let file = regularFile(path) else { return nil }
    defer { try? file.close() }
    let data = (try? file.read(upToCount: byteLimit + 1)) ?? Data()
    return data.count <= byteLimit ? data : nil
  }

  /// Opens a file that is neither a folder nor a pipe nor a device, which could make a reader wait.
  private static func regularFile(_ path: String) -> FileHandle? {
    let descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      close(descriptor)
      return nil
    }
    return FileHandle(fileDescriptor: descriptor, closeOnDealloc: false)
  }
}
