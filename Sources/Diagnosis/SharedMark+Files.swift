import Foundation

extension SharedMark {
  /// Writes the mark of `host` under another name, syncs it, renames it, and syncs the folder: what a
  /// checkpoint does.
  ///
  /// - Throws: ``DiagnosisError``.
  public func leave(as host: String) throws {
    let path = path(of: host)
    let folder = (path as NSString).deletingLastPathComponent
    do {
      try FileManager.default.createDirectory(
        atPath: folder, withIntermediateDirectories: true)
    } catch {
      throw DiagnosisError.file(path: folder, expected: "a folder", reason: "\(error)")
    }
    let temporary = path + ".new"
    let file = try opened(temporary, O_WRONLY | O_CREAT | O_EXCL)
    let bytes = Array(text(of: host).utf8)
    let written = write(file, bytes, bytes.count)
    let reason = written == bytes.count && fsync(file) == 0 ? nil : systemReason()
    close(file)
    if let reason {
      throw DiagnosisError.file(path: temporary, expected: "to write and sync", reason: reason)
    }
    guard rename(temporary, path) == 0 else {
      throw DiagnosisError.file(path: path, expected: "to rename", reason: systemReason())
    }
    let directory = try opened(folder, O_RDONLY)
    defer { close(directory) }
    guard fsync(directory) == 0 else {
      throw DiagnosisError.file(path: folder, expected: "to sync", reason: systemReason())
    }
  }

  /// Whether the mark of `host` is here, whole.
  public func isSeen(of host: String) -> Bool {
    FileManager.default.contents(atPath: path(of: host)) == Data(text(of: host).utf8)
  }

  /// Seconds until the mark of `host` is here; `nil` where it does not come within `limit`.
  public func secondsUntilSeen(of host: String, limit: Double) -> Double? {
    let start = ContinuousClock.now
    while true {
      let seconds = (ContinuousClock.now - start) / .seconds(1)
      if isSeen(of: host) { return seconds }
      guard seconds < limit else { return nil }
      usleep(20_000)
    }
  }

  /// Takes away the marks of `hosts`, and what is left of those that were not finished.
  public func remove(of hosts: [String]) {
    for host in hosts {
      for path in [path(of: host), path(of: host) + ".new"] { unlink(path) }
    }
  }

  private func opened(_ path: String, _ flags: CInt) throws -> CInt {
    let descriptor = open(path, flags | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else {
      throw DiagnosisError.file(path: path, expected: "to open it", reason: systemReason())
    }
    return descriptor
  }
}

/// The text of `errno`.
func systemReason() -> String { String(cString: strerror(errno)) }
