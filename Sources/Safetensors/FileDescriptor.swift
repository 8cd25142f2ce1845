import Foundation

/// An open file. It closes when it is let go of.
struct FileDescriptor: ~Copyable {
  private let number: CInt

  /// Opens an existing regular file for reading.
  ///
  /// A pipe or a device is refused, without waiting for anyone to open its other end.
  init(reading path: String) throws {
    number = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
    guard number >= 0 else {
      throw SafetensorsError(file: path, failed: "a file that can be opened", errno: errno)
    }
    var status = stat()
    guard fstat(number, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      throw SafetensorsError(
        file: path, expected: "a regular file", found: "a folder, a pipe or a device")
    }
  }

  /// Creates a file that does not exist yet, for writing.
  init(creating path: String) throws {
    number = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
    guard number >= 0 else {
      throw SafetensorsError(
        file: path, failed: "a new file that can be written", errno: errno,
        advice: errno == EEXIST ? "remove it first, or choose another name" : nil)
    }
  }

  deinit {
    // A file that was only read has nothing to lose; one that was written has its `finish`.
    if number >= 0 { _ = close(number) }
  }

  /// Returns the number of bytes in the file.
  func length(_ path: String) throws -> Int {
    var status = stat()
    guard fstat(number, &status) == 0 else {
      throw SafetensorsError(file: path, failed: "to learn the file's length", errno: errno)
    }
    return Int(status.st_size)
  }

  /// Fills `buffer` from the place `offset` in the file.
  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int, path: String) throws {
    var done = 0
    while done < buffer.count {
      let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
      let count = pread(number, rest.baseAddress, rest.count, off_t(offset + done))
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else {
        throw SafetensorsError(file: path, failed: "to read the file", errno: errno)
      }
      guard count > 0 else {
        throw SafetensorsError(
          file: path, expected: "\(offset + buffer.count) bytes",
          found: "its end after \(offset + done)", advice: "something changes the file meanwhile")
      }
      done += count
    }
  }

  /// Maps the whole file. What is written to the memory stays there: the file never changes.
  func map(length: Int, path: String) throws -> UnsafeMutableRawBufferPointer {
    let address = mmap(
      nil, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, number, 0)
    guard let address, address != MAP_FAILED else {
      throw SafetensorsError(file: path, failed: "a file that can be mapped", errno: errno)
    }
    return UnsafeMutableRawBufferPointer(start: address, count: length)
  }

  /// Appends all of `bytes`.
  func write(_ bytes: UnsafeRawBufferPointer, path: String) throws {
    var done = 0
    while done < bytes.count {
      let rest = UnsafeRawBufferPointer(rebasing: bytes[done...])
      let count = Foundation.write(number, rest.baseAddress, rest.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else {
        throw SafetensorsError(file: path, failed: "to write the file", errno: errno)
      }
      done += count
    }
  }

  /// Waits until the disk has what was written, and closes the file.
  ///
  /// A network file system tells of errors at these two steps only.
  consuming func finish(path: String) throws {
    var code = fsync(number) == 0 ? 0 : errno
    if close(number) != 0, code == 0 { code = errno }
    discard self
    guard code == 0 else {
      throw SafetensorsError(file: path, failed: "the file to reach the disk", errno: code)
    }
  }
}
