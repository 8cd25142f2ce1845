import Foundation

/// The bytes of a file after its header, for as long as this object lives.
final class FileContents: Sendable {
  /// The whole file where it is mapped, the data after the header where they are in memory.
  private nonisolated(unsafe) let storage: UnsafeRawBufferPointer  // nobody writes to it
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
      munmap(UnsafeMutableRawPointer(mutating: storage.baseAddress), storage.count)
    } else {
      free(UnsafeMutableRawPointer(mutating: storage.baseAddress))
    }
  }

  /// The data in `range`, counted from the end of the header.
  func bytes(in range: Range<Int>) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(
      rebasing: storage[dataStart + range.lowerBound..<dataStart + range.upperBound])
  }

  private static func read(
    _ file: borrowing FileDescriptor, from start: Int, to end: Int, path: String
  ) throws -> UnsafeRawBufferPointer {
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
    return UnsafeRawBufferPointer(buffer)
  }
}
