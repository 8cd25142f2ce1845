import Foundation
import Synchronization

@testable import Training

/// A file system in which one operation fails.
final class FaultyOperations: FileOperations {
  /// When the fault comes.
  enum Moment: CaseIterable {
    /// Nothing was done.
    case before
    /// A file has the first half of its bytes, or a folder has lost one of its files.
    case halfway
    /// All was done.
    case after
  }

  struct Fault: Error, CustomStringConvertible {
    let description = "No space left on device"
  }

  /// Operations asked for so far.
  var count: Int { counter.withLock { $0 } }
  private let counter = Mutex(0)
  private let faultyIndex: Int?
  private let moment: Moment
  private let isFatal: Bool
  private let disk = DiskOperations()

  /// - Parameters:
  ///   - index: The operation that fails, counted from 0; `nil` for none.
  ///   - isFatal: Whether all later ones fail too, as after kill -9.
  init(failingAt index: Int?, _ moment: Moment = .before, isFatal: Bool = false) {
    faultyIndex = index
    self.moment = moment
    self.isFatal = isFatal
  }

  /// Whether the fault has come.
  var hasFailed: Bool { faultyIndex.map { count > $0 } ?? false }

  private func perform(_ operation: () throws -> Void, half: () throws -> Void = {}) throws {
    let index = counter.withLock { count in
      defer { count += 1 }
      return count
    }
    if isFatal, let faultyIndex, index > faultyIndex { throw Fault() }
    guard index == faultyIndex else { return try operation() }
    switch moment {
    case .before: break
    case .halfway: try half()
    case .after: try operation()
    }
    throw Fault()
  }

  func exists(_ path: String) throws -> Bool {
    try perform {}
    return try disk.exists(path)
  }

  func createFolder(_ path: String) throws {
    try perform { try disk.createFolder(path) }
  }

  func createFile(_ path: String, contents: Data) throws {
    try perform {
      try disk.createFile(path, contents: contents)
    } half: {
      try disk.createFile(path, contents: contents.prefix(contents.count / 2))
    }
  }

  func createTensorFile(_ path: String, tensors: [HostTensor]) throws {
    try perform {
      try disk.createTensorFile(path, tensors: tensors)
    } half: {
      try disk.createTensorFile(path, tensors: tensors)
      truncate(path, 20)
    }
  }

  func synchronizeFolder(_ path: String) throws {
    try perform { try disk.synchronizeFolder(path) }
  }

  func rename(_ path: String, to newPath: String) throws {
    try perform { try disk.rename(path, to: newPath) }
  }

  func remove(_ path: String) throws {
    try perform {
      try disk.remove(path)
    } half: {
      let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
      if let name = names.max() { try disk.remove("\(path)/\(name)") }
    }
  }
}
