import Foundation

/// The bytes of a file after its header, for as long as this object lives.
final class FileContents: Sendable {
  /// The whole file where it is mapped, the data after the header where they are in memory.
  private nonisolated(unsafe) let storage: UnsafeMutableRawBufferPointer
  private let isMapped: Bool
  private let dataStart: Int

  /// Maps the file, or reads it from the byte `dataStart` on.
  init(
    _ file: borrowing FileDescriptor, length: Int, dataStart: Int, access: SafetensorsFile.Access,
    path: String
  ) throws {
    switch access {
    case .mapped:
      storage = try file.map(length: length, path: path)
      isMapped = true
      self.dataStart = dataStart
    case .inMemory:
      storage = try FileContents.read(file, from: dataStart, to: length, path: path)
      isMapped = false
      self.dataStart = 0
    }
  }

  deinit {
    if isMapped {
      munmap(storage.baseAddress, storage.count)
    } else {
      free(storage.baseAddress)
    }
  }

  /// The data in `range`, counted from the end of the header.
  func bytes(in range: Range<Int>) -> UnsafeMutableRawBufferPointer {
    UnsafeMutableRawBufferPointer(
      rebasing: storage[dataStart + range.lowerBound..<dataStart + range.upperBound])
  }

  /// Gives the memory of whole pages within `bytes` back, where they are of a mapped file: what was
  /// written there is lost, and what is read again comes from the file.
  func forget(_ bytes: UnsafeMutableRawBufferPointer) {
    guard isMapped, let start = bytes.baseAddress else { return }
    let pageSize = Int(sysconf(Int32(_SC_PAGESIZE)))
    let first = (Int(bitPattern: start) + pageSize - 1) / pageSize * pageSize
    let end = (Int(bitPattern: start) + bytes.count) / pageSize * pageSize
    guard first < end else { return }
    madvise(UnsafeMutableRawPointer(bitPattern: first), end - first, MADV_DONTNEED)
  }

  private static func read(
    _ file: borrowing FileDescriptor, from start: Int, to end: Int, path: String
  ) throws -> UnsafeMutableRawBufferPointer {
    // Not Swift's own allocation, which ends the process where there is no memory. 64: a cache
    // line.
    var address: UnsafeMutableRawPointer?
    let code = posix_memalign(&address, 64, max(end - start, 1))
    guard code == 0, let address else {
      throw SafetensorsError(
        file: path, failed: "memory for \(end - start) bytes", errno: code,
        advice: "map the file instead")
    }
    let buffer = UnsafeMutableRawBufferPointer(start: address, count: end - start)
    do {
      try file.read(into: buffer, at: start, path: path)
    } catch {
      free(address)
      throw error
    }
    return buffer
  }
}
