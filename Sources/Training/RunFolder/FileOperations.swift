import Foundation
import Safetensors

/// What a run does to its files and folders, one call at a time, so that a test can let any fail.
protocol FileOperations: Sendable {
  /// Whether there is a file or folder.
  func exists(_ path: String) throws -> Bool
  /// Makes a folder, whose parent has to be there.
  func createFolder(_ path: String) throws
  /// Makes a file that must not be there yet; returns when the disk has its bytes.
  func createFile(_ path: String, contents: Data) throws
  /// Makes a safetensors file that must not be there yet; returns when the disk has its bytes.
  func createTensorFile(_ path: String, tensors: [HostTensor]) throws
  /// Returns when the disk has the names in a folder.
  func synchronizeFolder(_ path: String) throws
  /// Gives a file or folder another name, in place of a file that has it.
  func rename(_ path: String, to newPath: String) throws
  /// Removes a file, or a folder with all in it; nothing where there is none.
  func remove(_ path: String) throws
}

extension FileOperations {
  /// Writes a whole file under a name that may be taken: readers see the old bytes or the new.
  func replaceFile(_ path: String, contents: Data) throws {
    let folder = (path as NSString).deletingLastPathComponent
    let temporary = "\(folder)/.\((path as NSString).lastPathComponent).tmp"
    try remove(temporary)
    try createFile(temporary, contents: contents)
    try rename(temporary, to: path)
    try synchronizeFolder(folder)
  }
}

/// The file system.
struct DiskOperations: FileOperations {
  func exists(_ path: String) throws -> Bool {
    var status = stat()
    if lstat(path, &status) == 0 { return true }
    guard errno == ENOENT || errno == ENOTDIR else {
      throw TrainingError(path, failed: "a name that can be looked up", errno: errno)
    }
    return false
  }

  func createFolder(_ path: String) throws {
    guard mkdir(path, 0o755) == 0 else {
      throw TrainingError(path, failed: "a folder that can be made", errno: errno)
    }
  }

  func createFile(_ path: String, contents: Data) throws {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else {
      throw TrainingError(path, failed: "a new file that can be written", errno: errno)
    }
    do {
      try contents.withUnsafeBytes { try write($0, to: descriptor, path) }
      guard fsync(descriptor) == 0 else {
        throw TrainingError(path, failed: "the file to reach the disk", errno: errno)
      }
    } catch {
      close(descriptor)
      throw error
    }
    // A network file system may tell only now that it could not write.
    guard close(descriptor) == 0 else {
      throw TrainingError(path, failed: "the file to reach the disk", errno: errno)
    }
  }

  func createTensorFile(_ path: String, tensors: [HostTensor]) throws {
    try SafetensorsWriter.write(
      tensors.map {
        SafetensorsWriter.Tensor(name: $0.name, dtype: $0.dtype, shape: $0.shape, bytes: $0.bytes)
      }, metadata: ["format": "pt"], to: URL(filePath: path))
  }

  func synchronizeFolder(_ path: String) throws {
    let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw TrainingError(path, failed: "a folder that can be opened", errno: errno)
    }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else {
      throw TrainingError(path, failed: "the folder to reach the disk", errno: errno)
    }
  }

  func rename(_ path: String, to newPath: String) throws {
    guard Foundation.rename(path, newPath) == 0 else {
      throw TrainingError(path, failed: "to rename it to \(newPath)", errno: errno)
    }
  }

  func remove(_ path: String) throws {
    guard try exists(path) else { return }
    do {
      try FileManager.default.removeItem(atPath: path)
    } catch {
      throw TrainingError(path, expected: "to remove it", found: error.localizedDescription)
    }
  }

  private func write(
    _ bytes: UnsafeRawBufferPointer, to descriptor: CInt, _ path: String
  ) throws {
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
}
