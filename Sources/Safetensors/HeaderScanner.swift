/// Reads the JSON of a safetensors header: two levels of objects, strings and whole numbers.
///
/// Foundation's parser hides duplicate keys and reads 1e2 as a whole number, so this one is strict.
/// It knows no more than the format needs, and does not recurse: no input can exhaust the stack.
///
/// - Source: RFC 8259.
struct HeaderScanner {
  /// The path of the file, for errors.
  let file: String
  private let start: UnsafePointer<UInt8>
  private let count: Int
  private var position = 0

  /// The header begins at this byte of the file.
  static let headerStart = 8

  /// The bytes have to outlive the scanner; there is at least one.
  init(_ bytes: UnsafeBufferPointer<UInt8>, file: String) {
    guard let start = bytes.baseAddress else { preconditionFailure("a header has a byte") }
    self.start = start
    count = bytes.count
    self.file = file
  }

  /// Takes `{`, the members, and `}`; calls `member` after each key and colon.
  mutating func scanObject(
    of tensor: String? = nil, _ what: String,
    member: (_ key: String, _ scanner: inout HeaderScanner) throws -> Void
  ) throws {
    try take("{", of: tensor, "'{' to begin \(what)")
    guard !takeIfNext("}") else { return }
    repeat {
      let key = try scanString(of: tensor, "a key in \(what)")
      try take(":", of: tensor, "':' after the key \(excerpt(key)) in \(what)")
      try member(key, &self)
    } while takeIfNext(",")
    try take("}", of: tensor, "',' or '}' in \(what)")
  }

  /// Takes `[`, whole numbers, and `]`; calls `element` with each number.
  mutating func scanIntegers(
    of tensor: String, _ what: String, element: (Int) throws -> Void
  ) throws {
    try take("[", of: tensor, "'[' to begin \(what)")
    guard !takeIfNext("]") else { return }
    repeat { try element(scanInteger(of: tensor, what)) } while takeIfNext(",")
    try take("]", of: tensor, "',' or ']' in \(what)")
  }

  /// Takes a string in quotes.
  mutating func scanString(of tensor: String? = nil, _ what: String) throws -> String {
    try take("\"", of: tensor, "'\"' to begin \(what)")
    let first = position
    var allBits: UInt8 = 0
    while position < count, start[position] >= 0x20, start[position] != 0x5C {
      guard start[position] == 0x22 else {
        allBits |= start[position]
        position += 1
        continue
      }
      let bytes = UnsafeBufferPointer(start: start + first, count: position - first)
      position += 1
      // ASCII needs no validation, which takes a quarter of the time for a large header.
      if allBits < 0x80 { return String(decoding: bytes, as: UTF8.self) }
      return try decode(bytes, of: tensor, what)
    }
    return try scanStringWithEscapes(after: first, of: tensor, what)
  }

  /// Checks that nothing but white space is left.
  mutating func scanEnd() throws {
    skipSpace()
    guard position == count else { throw unexpected("only spaces after the last '}'") }
  }

  // MARK: - Parts

  private mutating func scanInteger(of tensor: String, _ what: String) throws -> Int {
    skipSpace()
    // Not a constant: a text for each number would take longer than to read the number.
    var wanted: String { "a whole number from 0 to 2^63 - 1 in \(what)" }
    let first = position
    var value = 0
    while position < count, (0x30...0x39).contains(start[position]) {
      let (tens, isTooLarge) = value.multipliedReportingOverflow(by: 10)
      let (sum, isTooLargeStill) = tens.addingReportingOverflow(Int(start[position] - 0x30))
      guard !isTooLarge, !isTooLargeStill else {
        throw error(wanted, found: "a larger one at byte \(place(first))", of: tensor)
      }
      value = sum
      position += 1
    }
    let hasLeadingZero = position > first + 1 && start[first] == 0x30
    guard position > first, !hasLeadingZero, !isAtFractionOrExponent else {
      position = position > first ? first : position
      throw unexpected(wanted, of: tensor)
    }
    return value
  }

  private var isAtFractionOrExponent: Bool {
    guard position < count else { return false }
    let byte = start[position]
    return byte == UInt8(ascii: ".") || byte == UInt8(ascii: "e") || byte == UInt8(ascii: "E")
  }

  private mutating func scanStringWithEscapes(
    after first: Int, of tensor: String?, _ what: String
  ) throws -> String {
    var bytes = Array(UnsafeBufferPointer(start: start + first, count: position - first))
    while position < count, start[position] >= 0x20 {
      let byte = start[position]
      position += 1
      switch byte {
      case 0x22: return try bytes.withUnsafeBufferPointer { try decode($0, of: tensor, what) }
      case 0x5C: try bytes.append(contentsOf: scanEscape(of: tensor, what).utf8)
      default: bytes.append(byte)
      }
    }
    throw unexpected("'\"' to end \(what)", of: tensor)
  }

  private mutating func scanEscape(
    of tensor: String?, _ what: String
  ) throws -> Unicode.Scalar {
    let first = position
    guard position < count else { throw unexpected("an escape in \(what)", of: tensor) }
    let letter = start[position]
    position += 1
    switch letter {
    case 0x22, 0x2F, 0x5C: return Unicode.Scalar(letter)
    case UInt8(ascii: "b"): return "\u{8}"
    case UInt8(ascii: "f"): return "\u{C}"
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "u"):
      if let scalar = scanCodePoint() { return scalar }
    default: break
    }
    position = first
    throw unexpected("a valid escape after '\\' in \(what)", of: tensor)
  }

  /// Takes four hexadecimal digits, and a second surrogate after a first one.
  private mutating func scanCodePoint() -> Unicode.Scalar? {
    guard let unit = scanHexadecimal() else { return nil }
    guard (0xD800...0xDBFF).contains(unit) else { return Unicode.Scalar(unit) }
    guard position + 1 < count, start[position] == 0x5C,
      start[position + 1] == UInt8(ascii: "u")
    else { return nil }
    position += 2
    guard let second = scanHexadecimal(), (0xDC00...0xDFFF).contains(second) else { return nil }
    return Unicode.Scalar(0x10000 + (unit - 0xD800) << 10 + (second - 0xDC00))
  }

  private mutating func scanHexadecimal() -> UInt32? {
    guard position + 4 <= count else { return nil }
    var value: UInt32 = 0
    for _ in 0..<4 {
      let byte = UInt32(start[position])
      switch byte {
      case 0x30...0x39: value = value << 4 + (byte - 0x30)
      case 0x41...0x46, 0x61...0x66: value = value << 4 + (byte & 0xF + 9)
      default: return nil
      }
      position += 1
    }
    return value
  }

  private func decode(
    _ bytes: UnsafeBufferPointer<UInt8>, of tensor: String?, _ what: String
  ) throws -> String {
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw error(
        "UTF-8 in \(what)", found: "other bytes before byte \(place(position))", of: tensor)
    }
    return text
  }

  private mutating func skipSpace() {
    while position < count {
      let byte = start[position]
      guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return }
      position += 1
    }
  }

  private mutating func takeIfNext(_ character: Unicode.Scalar) -> Bool {
    skipSpace()
    guard position < count, start[position] == UInt8(ascii: character) else { return false }
    position += 1
    return true
  }

  private mutating func take(
    _ character: Unicode.Scalar, of tensor: String?, _ expected: @autoclosure () -> String
  ) throws {
    guard takeIfNext(character) else { throw unexpected(expected(), of: tensor) }
  }

  // MARK: - Errors

  /// Returns the error that something else than `expected` comes next.
  private func unexpected(_ expected: String, of tensor: String? = nil) -> SafetensorsError {
    let found =
      position < count
      ? "\(excerpt(String(Unicode.Scalar(start[position])))) at byte \(place(position))"
      : "the end of the header"
    return error(expected, found: found, of: tensor)
  }

  private func error(
    _ expected: String, found: String, of tensor: String?
  ) -> SafetensorsError {
    SafetensorsError(file: file, tensor: tensor, expected: expected, found: found)
  }

  /// Returns the place in the file of a place in the header.
  private func place(_ position: Int) -> Int { HeaderScanner.headerStart + position }
}
