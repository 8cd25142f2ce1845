import Foundation

/// A message in the wire format of protocol buffers, as far as TensorBoard's messages need it.
///
/// - Source: https://protobuf.dev/programming-guides/encoding
struct WireMessage {
  /// The value of a field: what its wire type says of it.
  enum Value: Equatable {
    case varint(UInt64)
    case fixed64(UInt64)
    case bytes(Data)
    case fixed32(UInt32)
  }

  /// The fields in their order; a number may come more than once.
  private(set) var fields: [(number: Int, value: Value)] = []

  init() {}

  // MARK: - Making

  mutating func add(_ number: Int, _ value: Int) {
    fields.append((number, .varint(UInt64(bitPattern: Int64(value)))))
  }

  mutating func add(_ number: Int, _ value: Double) {
    fields.append((number, .fixed64(value.bitPattern)))
  }

  mutating func add(_ number: Int, _ value: Float) {
    fields.append((number, .fixed32(value.bitPattern)))
  }

  mutating func add(_ number: Int, _ bytes: Data) { fields.append((number, .bytes(bytes))) }

  mutating func add(_ number: Int, _ text: String) { add(number, Data(text.utf8)) }

  mutating func add(_ number: Int, _ message: WireMessage) { add(number, message.encoded) }

  /// Adds a list as one field.
  mutating func add(_ number: Int, packed values: [Double]) {
    var bytes = Data(capacity: values.count * 8)
    for value in values { bytes.append(littleEndian: value.bitPattern) }
    add(number, bytes)
  }

  /// The bytes of all fields.
  var encoded: Data {
    var data = Data()
    for (number, value) in fields {
      data.append(varint: UInt64(number) << 3 | value.wireType)
      switch value {
      case .varint(let value): data.append(varint: value)
      case .fixed64(let value): data.append(littleEndian: value)
      case .fixed32(let value): data.append(littleEndian: value)
      case .bytes(let bytes):
        data.append(varint: UInt64(bytes.count))
        data.append(bytes)
      }
    }
    return data
  }

  // MARK: - Reading

  /// Reads all fields; `nil` where these are not the bytes of a message.
  init?(_ data: Data) {
    var rest = data[...]
    while !rest.isEmpty {
      guard let key = rest.takeVarint(), key >> 3 >= 1, key >> 3 < 1 << 29,
        let value = rest.takeValue(wireType: key & 7)
      else { return nil }
      fields.append((Int(key >> 3), value))
    }
  }

  /// The values of a field, in their order.
  func values(_ number: Int) -> [Value] { fields.filter { $0.number == number }.map(\.value) }

  /// The last integer of a field; `nil` where there is none.
  func integer(_ number: Int) -> Int? {
    guard case .varint(let value) = values(number).last else { return nil }
    return Int(Int64(bitPattern: value))
  }

  func double(_ number: Int) -> Double? {
    guard case .fixed64(let bits) = values(number).last else { return nil }
    return Double(bitPattern: bits)
  }

  func float(_ number: Int) -> Float? {
    guard case .fixed32(let bits) = values(number).last else { return nil }
    return Float(bitPattern: bits)
  }

  /// All byte strings of a field.
  func byteStrings(_ number: Int) -> [Data] {
    values(number).compactMap { if case .bytes(let bytes) = $0 { bytes } else { nil } }
  }

  func text(_ number: Int) -> String? {
    byteStrings(number).last.flatMap { String(data: $0, encoding: .utf8) }
  }

  func doubles(packed number: Int) -> [Double]? {
    guard let bytes = byteStrings(number).last, bytes.count.isMultiple(of: 8) else { return nil }
    var rest = bytes[...]
    return (0..<bytes.count / 8).compactMap { _ in
      rest.takeLittleEndian(UInt64.self).map(Double.init(bitPattern:))
    }
  }
}

extension WireMessage.Value {
  fileprivate var wireType: UInt64 {
    switch self {
    case .varint: 0
    case .fixed64: 1
    case .bytes: 2
    case .fixed32: 5
    }
  }
}

extension Data {
  mutating func append<Number: FixedWidthInteger>(littleEndian number: Number) {
    Swift.withUnsafeBytes(of: number.littleEndian) { append(contentsOf: $0) }
  }

  /// Seven bits a byte, the lowest first; all bytes but the last have the eighth set.
  fileprivate mutating func append(varint number: UInt64) {
    var rest = number
    while rest >= 0x80 {
      append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    append(UInt8(rest))
  }

  /// Takes a number off the front; `nil` where too few bytes are left.
  mutating func takeLittleEndian<Number: FixedWidthInteger>(_: Number.Type) -> Number? {
    let size = MemoryLayout<Number>.size
    guard count >= size else { return nil }
    let number = prefix(size).reversed().reduce(Number(0)) { $0 << 8 | Number($1) }
    self = dropFirst(size)
    return number
  }

  fileprivate mutating func takeVarint() -> UInt64? {
    var number: UInt64 = 0
    for place in 0..<10 {
      guard let byte = popFirst() else { return nil }
      // Of the tenth byte one bit is left.
      guard place < 9 || byte <= 1 else { return nil }
      number |= UInt64(byte & 0x7F) << UInt64(7 * place)
      if byte < 0x80 { return number }
    }
    return nil
  }

  fileprivate mutating func takeValue(wireType: UInt64) -> WireMessage.Value? {
    switch wireType {
    case 0: return takeVarint().map { .varint($0) }
    case 1: return takeLittleEndian(UInt64.self).map { .fixed64($0) }
    case 5: return takeLittleEndian(UInt32.self).map { .fixed32($0) }
    case 2:
      guard let length = takeVarint(), length <= UInt64(count) else { return nil }
      defer { self = dropFirst(Int(length)) }
      return .bytes(Data(prefix(Int(length))))
    default: return nil
    }
  }
}
