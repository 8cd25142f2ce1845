import Foundation

/// A record of an event file: length, checksum of the length, bytes, checksum of the bytes.
///
/// - Source: TensorFlow, tsl/lib/io/record_writer.h (TFRecord).
enum EventRecord {
  /// What stands before the bytes: eight bytes of length, four of checksum.
  private static let headerByteCount = 12

  /// A record of `payload`.
  static func framed(_ payload: Data) -> Data {
    var data = Data(capacity: payload.count + 16)
    data.append(littleEndian: UInt64(payload.count))
    data.append(littleEndian: CRC32C.masked(data))
    data.append(payload)
    data.append(littleEndian: CRC32C.masked(payload))
    return data
  }

  /// What a record at the front of some bytes is.
  enum Finding: Equatable {
    case whole(Data)
    /// It is written to its end later, or never.
    case unfinished
    case damaged
  }

  /// Takes a record off the front.
  static func take(from data: inout Data) -> Finding {
    guard data.count >= headerByteCount else { return .unfinished }
    var rest = data
    let header = Data(data.prefix(8))
    guard let length = rest.takeLittleEndian(UInt64.self),
      rest.takeLittleEndian(UInt32.self) == CRC32C.masked(header)
    else { return .damaged }
    guard length <= UInt64(rest.count), rest.count - Int(length) >= 4 else { return .unfinished }
    let payload = Data(rest.prefix(Int(length)))
    rest = rest.dropFirst(Int(length))
    guard rest.takeLittleEndian(UInt32.self) == CRC32C.masked(payload) else { return .damaged }
    data = rest
    return .whole(payload)
  }
}
