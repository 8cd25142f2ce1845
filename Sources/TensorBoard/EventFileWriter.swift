import Foundation

/// Writes an event file that TensorBoard shows, each event there as soon as it is written.
///
/// TensorBoard reads all files of a folder as one run, in the order of their names.
public final class EventFileWriter {
  /// The file's path.
  public let path: String
  private let descriptor: CInt
  /// Bytes of whole events.
  private var byteCount = 0

  /// What the names of event files begin with.
  static let namePrefix = "events.out.tfevents."

  /// Makes a new file after those in `folder`, which is made where it is missing.
  ///
  /// - Parameter now: When the run starts: a part of the name.
  /// - Throws: ``EventFileError``.
  public init(folder: String, now: Date = .now) throws(EventFileError) {
    guard mkdir(folder, 0o755) == 0 || errno == EEXIST else {
      throw EventFileError(folder, failed: "a new folder", errno: errno)
    }
    let last = try Self.names(in: folder).last?.dropFirst(Self.namePrefix.count).prefix(10)
    // Later than the last file's also where the clock went back or has not moved since.
    let seconds = max(Int(now.timeIntervalSince1970), (last.flatMap { Int($0) } ?? -1) + 1)
    let path =
      "\(folder)/\(Self.namePrefix)\(String(format: "%010d", seconds))"
      + ".\(Self.machineName).\(getpid()).0"
    descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0o644)
    self.path = path
    guard descriptor >= 0 else {
      throw EventFileError(path, failed: "a new file that can be written", errno: errno)
    }
    try write(
      Event(
        wallTime: now.timeIntervalSince1970, step: 0, content: .fileVersion(Event.fileVersion)))
  }

  deinit {
    // Every event was handed to the system when it was written.
    close(descriptor)
  }

  /// What the machine calls itself, as far as a file may be named so; no name service is asked.
  private static var machineName: String {
    var bytes = [CChar](repeating: 0, count: 256)
    guard gethostname(&bytes, bytes.count - 1) == 0 else { return "unknown" }
    let name = bytes.prefix { $0 != 0 }.map { Character(Unicode.Scalar(UInt8(bitPattern: $0))) }
    return String(name.filter { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") })
  }

  /// Appends an event.
  ///
  /// - Throws: ``EventFileError``; then nothing of it is in the file.
  public func write(_ event: Event) throws(EventFileError) {
    let record = EventRecord.framed(event.message.encoded)
    let count = record.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
    guard count == record.count else {
      let code = count < 0 ? errno : ENOSPC
      // A reader waits for ever for the rest of an event that was cut short.
      if count > 0, ftruncate(descriptor, off_t(byteCount)) != 0 {
        throw EventFileError(path, failed: "to take back a part of an event", errno: errno)
      }
      throw EventFileError(path, failed: "to write an event", errno: code)
    }
    byteCount += count
  }

  /// Removes all event files of a folder.
  ///
  /// - Throws: ``EventFileError``.
  public static func removeFiles(in folder: String) throws(EventFileError) {
    for name in try names(in: folder) where unlink("\(folder)/\(name)") != 0 && errno != ENOENT {
      throw EventFileError("\(folder)/\(name)", failed: "to remove it", errno: errno)
    }
  }

  /// The names of the event files of a folder, in the order they are read; none where there is no
  /// folder.
  static func names(in folder: String) throws(EventFileError) -> [String] {
    do {
      return try FileManager.default.contentsOfDirectory(atPath: folder)
        .filter { $0.hasPrefix(namePrefix) }.sorted()
    } catch CocoaError.fileReadNoSuchFile {
      return []
    } catch {
      throw EventFileError(
        folder, expected: "a folder that can be read", found: error.localizedDescription)
    }
  }
}
