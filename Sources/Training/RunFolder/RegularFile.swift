import Crypto
import Foundation

/// A regular file that is open for reading. It closes when it is let go of.
struct RegularFile: ~Copyable {
  /// The path it was opened by.
  let path: String
  /// Tells whether it changed since it was opened.
  let version: FileVersion
  private let descriptor: CInt

  /// Its length in bytes when it was opened.
  var byteCount: Int { version.byteCount }

  /// Opens a file; a folder, a pipe or a device is refused, without waiting for its other end.
  ///
  /// - Parameter followsLink: Whether the path may be a symbolic link.
  init(_ path: String, followsLink: Bool = true) throws {
    self.path = path
    let flags = O_RDONLY | O_NONBLOCK | O_CLOEXEC | (followsLink ? 0 : O_NOFOLLOW)
    let descriptor = open(path, flags)
    guard descriptor >= 0 else {
      throw TrainingError(path, failed: "a file that can be read", errno: errno)
    }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      let code = errno
      close(descriptor)
      throw TrainingError(path, failed: "a file that can be looked at", errno: code)
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      close(descriptor)
      let isFolder = status.st_mode & S_IFMT == S_IFDIR
      throw TrainingError(
        path, expected: "a regular file", found: isFolder ? "a folder" : "a pipe or a device")
    }
    self.descriptor = descriptor
    version = FileVersion(status)
  }

  deinit {
    // Nothing was written: there is no error to miss.
    close(descriptor)
  }

  /// All of the file.
  ///
  /// - Throws: ``TrainingError`` when it cannot be read, or is longer than `byteLimit`.
  func contents(byteLimit: Int) throws -> [UInt8] {
    guard byteCount <= byteLimit else {
      throw TrainingError(
        path, expected: "a file of at most \(byteLimit) bytes", found: "\(byteCount) bytes")
    }
    return try [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, count in
      while count < byteCount {
        let rest = UnsafeMutableRawBufferPointer(
          rebasing: UnsafeMutableRawBufferPointer(buffer)[count...])
        let added = try readNext(into: rest)
        guard added > 0 else { break }
        count += added
      }
    }
  }

  /// Reads the last bytes of the file line by line, in pieces.
  ///
  /// - Parameters:
  ///   - byteLimit: How many bytes, of which the first may be the end of a line.
  ///   - body: Is given each line without its end; none that is longer than a piece, and not the
  ///     last where it has no end.
  /// - Throws: ``TrainingError`` when it cannot be read.
  func forEachLine(ofLast byteLimit: Int, _ body: (ArraySlice<UInt8>) -> Void) throws {
    let pieceByteCount = 1 << 20
    var rest: [UInt8] = []
    for offset in stride(
      from: max(0, byteCount - byteLimit), to: byteCount, by: pieceByteCount)
    {
      let piece = try bytes(at: offset, count: min(pieceByteCount, byteCount - offset))
      var lines = (rest + piece).split(
        separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
      let last = lines.removeLast()
      lines.forEach(body)
      rest = last.count > pieceByteCount ? [] : Array(last)
    }
  }

  /// The SHA-256 of the whole file.
  func sha256() throws -> String {
    var hash = SHA256()
    try update(&hash)
    return hash.finalize().hexadecimal
  }

  /// Adds the whole file to `hash`, read in pieces: a file may be larger than memory.
  func update(_ hash: inout SHA256) throws {
    let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 64)
    defer { piece.deallocate() }
    while true {
      let count = try readNext(into: piece)
      guard count > 0 else { break }
      hash.update(bufferPointer: UnsafeRawBufferPointer(rebasing: piece[..<count]))
    }
  }

  /// What the file is now, under whatever name.
  func presentVersion() throws -> FileVersion {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      throw TrainingError(path, failed: "a file that can be looked at", errno: errno)
    }
    return FileVersion(status)
  }

  /// Up to `count` bytes from `offset` on; fewer at the end of the file alone.
  func bytes(at offset: Int, count: Int) throws -> [UInt8] {
    try [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      while filled < count {
        let added = pread(
          descriptor, buffer.baseAddress.map { $0 + filled }, count - filled,
          off_t(offset + filled))
        if added < 0, errno == EINTR { continue }
        guard added >= 0 else {
          throw TrainingError(path, failed: "a file that can be read", errno: errno)
        }
        if added == 0 { break }
        filled += added
      }
    }
  }

  /// Reads on from where the last call ended; 0 at the end of the file.
  func readNext(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    while true {
      let count = read(descriptor, buffer.baseAddress, buffer.count)
      if count >= 0 { return count }
      guard errno == EINTR else {
        throw TrainingError(path, failed: "a file that can be read to its end", errno: errno)
      }
    }
  }
}

/// Tells a file's contents from earlier and later ones, without reading them.
struct FileVersion: Codable, Equatable, Sendable {
  /// Its length.
  let byteCount: Int
  /// When its contents changed, in nanoseconds since 1970, as whoever changed them may say.
  let modified: Int
  /// When anything about it changed, likewise, as the system says.
  let changed: Int
  /// Its number in its file system: a copy has another.
  let inode: UInt64

  init(_ status: stat) {
    func nanoseconds(_ time: timespec) -> Int { time.tv_sec * 1_000_000_000 + time.tv_nsec }
    byteCount = Int(status.st_size)
    modified = nanoseconds(status.st_mtim)
    changed = nanoseconds(status.st_ctim)
    inode = UInt64(status.st_ino)
  }
}

/// The SHA-256 of `bytes` in lower-case hexadecimal.
func sha256(of bytes: some DataProtocol) -> String { SHA256.hash(data: bytes).hexadecimal }

extension SHA256.Digest {
  /// Sixty-four lower-case hexadecimal digits.
  var hexadecimal: String {
    map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}
