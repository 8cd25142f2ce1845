import Foundation

/// Keeps a run folder to one run at a time, from its making until it is let go of or the process
/// ends in any way.
final class RunFolderLock {
  private let descriptor: CInt

  /// How long a run that was killed may take to be gone.
  private static let patience = 10.0

  /// Takes the folder.
  ///
  /// - Parameters:
  ///   - patience: How many seconds to wait for another run to end.
  ///   - goingOn: Where something else keeps other runs out, is told of one that does not end, and
  ///     whose lock is then gone without: its process may be frozen, or its host lost.
  /// - Throws: ``TrainingError`` where another run does not end, and nothing else keeps it out.
  init(
    folder: String, patience: Double = patience, goingOn warn: ((String) -> Void)? = nil
  ) throws {
    let path = "\(folder)/.lock"
    descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else {
      throw TrainingError(path, failed: "a file that can be written to", errno: errno)
    }
    let deadline = Date(timeIntervalSinceNow: patience)
    // Some shared file systems have no locks: there nobody is kept out.
    while flock(descriptor, LOCK_EX | LOCK_NB) != 0, errno == EWOULDBLOCK || errno == EINTR {
      guard Date() < deadline else {
        if let warn {
          warn(
            "an earlier start of the run still holds \(path), maybe frozen or on a lost host: this "
              + "one goes on without the lock, and the other can save nothing any more")
          return
        }
        throw TrainingError(
          folder, expected: "a run folder that nobody writes to",
          found: "another run at work in it",
          advice: "wait for its end, or choose another run.output")
      }
      usleep(100_000)
    }
  }

  deinit {
    // Closing gives the lock back; nothing was written.
    close(descriptor)
  }
}
