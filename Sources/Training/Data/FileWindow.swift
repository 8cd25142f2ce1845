import Crypto
import Foundation

/// A file read once from its start to its end, with a piece of it in memory at a time.
final class FileWindow {
  private let file: RegularFile
  private var buffer: UnsafeMutableRawBufferPointer
  private var held = 0..<0
  private var hash = SHA256()
  /// Where ``rest`` begins in the file.
  private(set) var offset = 0
  /// Whether ``rest`` reaches the end of the file.
  private(set) var isAtEnd = false

  /// Opens a file.
  ///
  /// - Parameter byteCount: Bytes read at a time.
  init(_ path: String, byteCount: Int = 1 << 20) throws {
    file = try RegularFile(path)
    buffer = .allocate(byteCount: byteCount, alignment: 64)
  }

  deinit {
    buffer.deallocate()
  }

  /// What the file was when it was opened.
  var version: FileVersion { file.version }

  /// The bytes that have been read and not passed yet; good until the next change.
  var rest: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: buffer[held]) }

  /// Passes `count` bytes.
  func advance(by count: Int) {
    held = held.lowerBound + count..<held.upperBound
    offset += count
  }

  /// Reads more, or finds that there is no more.
  func fill() throws {
    guard !isAtEnd else { return }
    makeRoom()
    let room = UnsafeMutableRawBufferPointer(rebasing: buffer[held.upperBound...])
    let count = try file.readNext(into: room)
    hash.update(bufferPointer: UnsafeRawBufferPointer(rebasing: room[..<count]))
    held = held.lowerBound..<held.upperBound + count
    isAtEnd = count == 0
  }

  /// Moves the rest to the front of the buffer, and into a larger one where it fills this one.
  private func makeRoom() {
    let rest = rest
    if rest.count < buffer.count {
      // The two may overlap.
      if let start = buffer.baseAddress, let from = rest.baseAddress {
        memmove(start, from, rest.count)
      }
    } else {
      let larger = UnsafeMutableRawBufferPointer.allocate(
        byteCount: buffer.count * 2, alignment: 64)
      larger.copyMemory(from: rest)
      buffer.deallocate()
      buffer = larger
    }
    held = 0..<held.count
  }

  /// The SHA-256 of the file, all of which has been read.
  ///
  /// - Throws: ``TrainingError`` where it changed meanwhile.
  func finish() throws -> String {
    guard try file.presentVersion() == file.version else {
      throw TrainingError(
        file.path, expected: "a file that stays as it is while it is read", found: "a change",
        advice: "start again when it is complete")
    }
    return hash.finalize().hexadecimal
  }
}
