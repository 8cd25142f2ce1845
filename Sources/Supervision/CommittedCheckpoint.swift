import Foundation

/// A checkpoint of a run that counts, as far as a launcher has to tell it from others.
public struct CommittedCheckpoint: Sendable, Equatable {
  /// Optimiser steps taken when it was saved.
  public let step: Int
  /// Counts the saves of that step, between which more was done, such as trajectories drawn.
  public let revision: Int
  /// What its COMMIT says: a run that went back may save the same step once more.
  public let commit: String

  init(step: Int, revision: Int = 0, commit: String = "") {
    self.step = step
    self.revision = revision
    self.commit = commit
  }

  /// The one in a folder, of `step-00000010` or `step-00000010.1`; `nil` where it is none, or was
  /// not committed.
  ///
  /// - Throws: ``SupervisionError`` where that cannot be told.
  init?(_ name: String, in folder: String) throws(SupervisionError) {
    let parts = name.split(separator: ".", omittingEmptySubsequences: false)
    guard name.hasPrefix("step-"), parts.count <= 2, let step = Int(parts[0].dropFirst(5)),
      let revision = parts.count == 1 ? 0 : Int(parts[1])
    else { return nil }
    let path = "\(folder)/\(name)/COMMIT"
    let descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
    guard descriptor >= 0 else {
      if errno == ENOENT || errno == ENOTDIR { return nil }
      throw SupervisionError(path, failed: "a file that can be read", errno: errno)
    }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 100)
    let count = read(descriptor, &bytes, bytes.count)
    guard count >= 0 else {
      throw SupervisionError(path, failed: "a file that can be read", errno: errno)
    }
    self.init(
      step: step, revision: revision, commit: String(decoding: bytes[..<count], as: UTF8.self))
  }
}
