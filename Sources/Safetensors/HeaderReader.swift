/// The tensors and texts of a header as it lists them, each sound in itself: what they are to each
/// other and to the file ``SafetensorsHeader`` checks.
struct HeaderReader {
  private(set) var metadata: [String: String]?
  private(set) var tensors: [SafetensorsHeader.Tensor] = []
  private(set) var extents: [Int] = []
  private let file: String

  /// The format sets no such limits; without them a hostile header of 100 MB takes a minute.
  private static let dimensionLimit = 64
  private static let metadataLimit = 10_000

  /// Reads a header, without the eight bytes of its length.
  init(_ bytes: UnsafeBufferPointer<UInt8>, file: String) throws {
    self.file = file
    guard bytes.first == UInt8(ascii: "{") else {
      throw SafetensorsError(
        file: file, expected: "'{' to begin the header at byte 8",
        found: bytes.first.map { "the byte \($0)" } ?? "an empty header",
        advice: "this is not a safetensors file")
    }
    var scanner = HeaderScanner(bytes, file: file)
    try scanner.scanObject("the header") { key, scanner in
      if key == SafetensorsHeader.metadataKey {
        try readMetadata(from: &scanner)
      } else {
        try readTensor(key, from: &scanner)
      }
    }
    try scanner.scanEnd()
  }

  private mutating func readMetadata(from scanner: inout HeaderScanner) throws {
    guard metadata == nil else {
      throw SafetensorsError(file: file, expected: "one __metadata__", found: "two")
    }
    var texts: [String: String] = [:]
    try scanner.scanObject("__metadata__") { key, scanner in
      let text = try scanner.scanString("the text of a key in __metadata__")
      guard texts.updateValue(text, forKey: key) == nil else {
        throw SafetensorsError(
          file: file, expected: "each key of __metadata__ once", found: "\(excerpt(key)) twice")
      }
      guard texts.count <= HeaderReader.metadataLimit else {
        throw SafetensorsError(
          file: file, expected: "at most \(HeaderReader.metadataLimit) texts in __metadata__",
          found: "more")
      }
    }
    metadata = texts
  }

  private mutating func readTensor(_ name: String, from scanner: inout HeaderScanner) throws {
    let extentsStart = extents.count
    var dtype: SafetensorsDType?
    var hasShape = false
    var offsets: Range<Int>?
    try scanner.scanObject(of: name, "the tensor's entry") { key, scanner in
      switch key {
      case "dtype" where dtype == nil:
        dtype = try readDType(of: name, from: &scanner)
      case "shape" where !hasShape:
        try readShape(of: name, from: &scanner)
        hasShape = true
      case "data_offsets" where offsets == nil:
        offsets = try readOffsets(of: name, from: &scanner)
      default:
        throw SafetensorsError(
          file: file, tensor: name, expected: "dtype, shape and data_offsets, each once",
          found: "the key \(excerpt(key))")
      }
    }
    guard let dtype, hasShape, let offsets else {
      let fields = [
        (dtype == nil, "dtype"), (!hasShape, "shape"), (offsets == nil, "data_offsets"),
      ]
      let missing = fields.filter(\.0).map(\.1).joined(separator: ", ")
      throw SafetensorsError(
        file: file, tensor: name, expected: "dtype, shape and data_offsets",
        found: "no \(missing)")
    }
    try checkByteCount(offsets, of: name, dtype: dtype, shape: extents[extentsStart...])
    tensors.append(
      SafetensorsHeader.Tensor(
        name: name, dtype: dtype, offsets: offsets,
        // A header of 100 MB cannot hold 2^31 numbers.
        extentsStart: Int32(extentsStart), extentsEnd: Int32(extents.count)))
  }

  private func readDType(
    of name: String, from scanner: inout HeaderScanner
  ) throws -> SafetensorsDType {
    let text = try scanner.scanString(of: name, "dtype")
    guard let dtype = SafetensorsDType(rawValue: text) else {
      let all = SafetensorsDType.allCases.map(\.rawValue).joined(separator: ", ")
      throw SafetensorsError(
        file: file, tensor: name, expected: "a dtype of \(all)", found: excerpt(text),
        advice: "convert the tensor to one of these")
    }
    return dtype
  }

  private mutating func readShape(
    of name: String, from scanner: inout HeaderScanner
  ) throws {
    var count = 0
    try scanner.scanIntegers(of: name, "shape") { extent in
      count += 1
      guard count <= HeaderReader.dimensionLimit else {
        throw SafetensorsError(
          file: file, tensor: name,
          expected: "a shape of at most \(HeaderReader.dimensionLimit) dimensions", found: "more")
      }
      extents.append(extent)
    }
  }

  private func readOffsets(
    of name: String, from scanner: inout HeaderScanner
  ) throws -> Range<Int> {
    let wanted = "data_offsets of a begin and an end not before it"
    var start: Int?
    var end: Int?
    try scanner.scanIntegers(of: name, "data_offsets") { number in
      guard end == nil else {
        throw SafetensorsError(
          file: file, tensor: name, expected: wanted, found: "more than two numbers")
      }
      if start == nil { start = number } else { end = number }
    }
    guard let start, let end, start <= end else {
      throw SafetensorsError(
        file: file, tensor: name, expected: wanted, found: "\([start, end].compactMap { $0 })")
    }
    return start..<end
  }

  private func checkByteCount(
    _ offsets: Range<Int>, of name: String, dtype: SafetensorsDType, shape: ArraySlice<Int>
  ) throws {
    let byteCount = byteCount(of: shape, dtype: dtype)
    guard byteCount != offsets.count else { return }
    throw SafetensorsError(
      file: file, tensor: name,
      expected: "\(byteCount.map(String.init) ?? "more than 2^63 - 1") bytes "
        + "for \(dtype.rawValue) \(Array(shape))",
      found: "\(offsets.count) in data_offsets \(list(offsets))")
  }
}

/// Returns the number of bytes of a tensor, or `nil` where an `Int` cannot hold it.
func byteCount(of shape: some Sequence<Int>, dtype: SafetensorsDType) -> Int? {
  var count = dtype.byteCount
  for extent in shape {
    let (product, isTooLarge) = count.multipliedReportingOverflow(by: extent)
    guard !isTooLarge else { return nil }
    count = product
  }
  return count
}

/// Returns offsets as the header writes them.
func list(_ offsets: Range<Int>) -> String { "[\(offsets.lowerBound), \(offsets.upperBound)]" }
