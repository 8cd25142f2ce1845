import Foundation

/// The events of a file.
public struct EventFile: Sendable, Equatable {
  /// The events, in the order they were written; those of kinds that are never written here are left
  /// out.
  public let events: [Event]
  /// Whether the last event was cut short: the file is being written, or its writer was killed.
  public let isUnfinished: Bool

  /// Reads a file.
  ///
  /// - Throws: ``EventFileError`` where it cannot be read or is damaged.
  public init(path: String) throws(EventFileError) {
    var rest: Data
    do {
      rest = try Data(contentsOf: URL(filePath: path))
    } catch {
      throw EventFileError(
        path, expected: "a file that can be read", found: error.localizedDescription)
    }
    let byteCount = rest.count
    var events: [Event] = []
    reading: while true {
      let place = byteCount - rest.count
      switch EventRecord.take(from: &rest) {
      case .unfinished: break reading
      case .whole(let payload):
        guard let message = WireMessage(payload) else {
          throw EventFileError(
            path, expected: "an event at byte \(place)", found: "bytes that are no message")
        }
        if let event = Event(message) { events.append(event) }
      case .damaged:
        throw EventFileError(
          path, expected: "a whole record at byte \(place)", found: "another checksum")
      }
    }
    self.events = events
    isUnfinished = !rest.isEmpty
  }

  /// The events of all files in a folder, as TensorBoard joins them: a start makes void what earlier
  /// files say of its step and later ones.
  ///
  /// - Throws: ``EventFileError``.
  public static func joined(folder: String) throws(EventFileError) -> [Event] {
    var joined: [Event] = []
    for name in try EventFileWriter.names(in: folder) {
      for event in try EventFile(path: "\(folder)/\(name)").events {
        if event.content == .start { joined.removeAll { $0.step >= event.step } }
        joined.append(event)
      }
    }
    return joined
  }
}
