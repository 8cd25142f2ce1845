import Crypto
import Foundation

// The file of an index, all numbers little-endian:
//
//     8 bytes     PRDPIDX1, of which the digit is the version of this form
//     8 bytes     the length of the header
//     header      JSON, filled up with spaces to a multiple of 8 bytes
//     words       8 bytes each: an entry for each prompt, then as many digests of texts
//     32 bytes    the SHA-256 of all before

/// An index in a file, of which a word is read where it is wanted.
private final class PromptIndexWords: PromptIndex.Words {
  private let file: RegularFile
  private let start: Int

  init(_ file: consuming RegularFile, from start: Int) {
    self.file = file
    self.start = start
  }

  func word(at place: Int) throws -> UInt64 {
    let bytes = try file.bytes(at: start + 8 * place, count: 8)
    guard bytes.count == 8 else {
      throw TrainingError(
        file.path, expected: "an index that stays as long as it is", found: "a shorter one",
        advice: "go on with --resume latest, which makes it anew")
    }
    return bytes.withUnsafeBytes { UInt64(littleEndian: $0.load(as: UInt64.self)) }
  }
}

extension PromptIndex {
  /// Why an index that is there is not used.
  enum Unusable: Error, Equatable {
    /// The files have changed since.
    case outdated
    /// It is not as it was written.
    case damaged
  }

  private static let magic = Array("PRDPIDX1".utf8)
  private static let prefixByteCount = 16
  private static let digestByteCount = 32
  private static let headerByteLimit = 16 << 20

  /// Opens an index.
  ///
  /// - Parameter isVerified: Whether someone on this machine has just read it to its end and found
  ///   that it is as it was written.
  /// - Throws: ``Unusable``, or ``TrainingError`` where there is none.
  init(contentsOf path: String, isVerified: Bool) throws {
    let file = try RegularFile(path)
    let prefix = try file.bytes(at: 0, count: Self.prefixByteCount)
    guard prefix.count == Self.prefixByteCount, prefix.starts(with: Self.magic) else {
      throw Unusable.damaged
    }
    let length = prefix.withUnsafeBytes {
      UInt64(littleEndian: $0.load(fromByteOffset: 8, as: UInt64.self))
    }
    guard length <= Self.headerByteLimit, length.isMultiple(of: 8) else { throw Unusable.damaged }
    let headerBytes = try file.bytes(at: Self.prefixByteCount, count: Int(length))
    guard let header = try? JSONDecoder().decode(Header.self, from: Data(headerBytes)) else {
      throw Unusable.damaged
    }
    let start = Self.prefixByteCount + Int(length)
    // Counts that add up to no more than an Int holds.
    guard header.files.allSatisfy({ (1...max(1, file.byteCount)).contains($0.promptCount) }),
      file.byteCount == start + 16 * header.promptCount + Self.digestByteCount
    else { throw Unusable.damaged }
    let end = file.byteCount - Self.digestByteCount
    if !isVerified {
      guard try file.digest(of: 0..<end) == file.bytes(at: end, count: Self.digestByteCount) else {
        throw Unusable.damaged
      }
    }
    self.init(header, PromptIndexWords(file, from: start))
  }

  /// Writes an index to a file that is not there yet; returns when the disk has its bytes.
  static func write(_ header: Header, _ words: PromptIndexArrays, to path: String) throws {
    var headerBytes = try Array(JSONEncoder.stable().encode(header))
    headerBytes += Array(repeating: 0x20, count: (8 - headerBytes.count % 8) % 8)
    var length = UInt64(headerBytes.count).littleEndian
    let start = magic + withUnsafeBytes(of: &length, Array.init) + headerBytes

    var hash = SHA256()
    let file = try NewFile(path)
    func write(_ bytes: UnsafeRawBufferPointer) throws {
      hash.update(bufferPointer: bytes)
      try file.write(bytes)
    }
    try start.withUnsafeBytes(write)
    for part in [words.entries, words.texts] {
      for start in stride(from: 0, to: part.count, by: 1 << 17) {
        let piece = part[start..<min(start + 1 << 17, part.count)].map(\.littleEndian)
        try piece.withUnsafeBytes(write)
      }
    }
    try hash.finalize().withUnsafeBytes(file.write)
    try file.finish()
  }
}

extension RegularFile {
  /// The SHA-256 of a part of the file.
  fileprivate borrowing func digest(of range: Range<Int>) throws -> [UInt8] {
    var hash = SHA256()
    for start in stride(from: range.lowerBound, to: range.upperBound, by: 1 << 20) {
      let piece = try bytes(at: start, count: min(1 << 20, range.upperBound - start))
      piece.withUnsafeBytes { hash.update(bufferPointer: $0) }
    }
    return Array(hash.finalize())
  }
}

/// A file that was not there and is being written. Unless it is finished it goes away again.
private final class NewFile {
  private let path: String
  private var descriptor: CInt

  init(_ path: String) throws {
    self.path = path
    descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else {
      throw TrainingError(path, failed: "a new file that can be written", errno: errno)
    }
  }

  deinit {
    guard descriptor >= 0 else { return }
    close(descriptor)
    unlink(path)
  }

  func write(_ bytes: UnsafeRawBufferPointer) throws {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = Foundation.write(
        descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else {
        throw TrainingError(path, failed: "the file to be written", errno: errno)
      }
      rest = rest.dropFirst(count)
    }
  }

  /// Returns when the disk has the bytes.
  func finish() throws {
    guard fsync(descriptor) == 0, close(descriptor) == 0 else {
      throw TrainingError(path, failed: "the file to reach the disk", errno: errno)
    }
    descriptor = -1
  }
}
