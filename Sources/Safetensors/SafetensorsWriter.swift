import Foundation

/// Writes safetensors files, byte for byte as the reference does.
///
/// - Source: huggingface/safetensors, `safetensors/src/tensor.rs` (`prepare`, `serialize_to_file`).
public enum SafetensorsWriter {
  /// A tensor to write.
  public struct Tensor {
    /// The name, which the file has once.
    public let name: String
    /// The type of the elements.
    public let dtype: SafetensorsDType
    /// The number of elements along each dimension; empty for a single number.
    public let shape: [Int]
    fileprivate let withBytes: ((UnsafeRawBufferPointer) throws -> Void) throws -> Void

    /// A tensor whose bytes are fetched when its turn comes, so that no more than one tensor need
    /// be in memory.
    ///
    /// - Parameter withBytes: Calls its argument once with all bytes, in row-major order and
    ///   little-endian.
    public init(
      name: String, dtype: SafetensorsDType, shape: [Int],
      withBytes: @escaping (_ body: (UnsafeRawBufferPointer) throws -> Void) throws -> Void
    ) {
      self.name = name
      self.dtype = dtype
      self.shape = shape
      self.withBytes = withBytes
    }

    /// A tensor whose bytes are in an array, in row-major order and little-endian.
    public init(name: String, dtype: SafetensorsDType, shape: [Int], bytes: [UInt8]) {
      self.init(name: name, dtype: dtype, shape: shape) { try bytes.withUnsafeBytes($0) }
    }
  }

  /// Writes a new file, which must not exist yet, and returns when the disk has it. Where that
  /// fails no file is left.
  ///
  /// The order is by type, the widest first, then by name: every tensor is aligned for its type.
  /// The folder's entry is not yet on the disk: who depends on it has to synchronise the folder.
  ///
  /// - Parameter metadata: Texts for `__metadata__`.
  /// - Returns: The length of the file in bytes.
  /// - Throws: ``SafetensorsError``; what the source of a tensor's bytes throws.
  @discardableResult
  public static func write(
    _ tensors: [Tensor], metadata: [String: String] = [:], to url: URL
  ) throws -> Int {
    let path = url.path
    let ordered = tensors.sorted {
      $0.dtype == $1.dtype
        ? $0.name.utf8.lexicographicallyPrecedes($1.name.utf8)
        : $0.dtype.writingOrder < $1.dtype.writingOrder
    }
    let byteCounts = try ordered.map { try byteCount(of: $0, path: path) }
    let header = try header(of: ordered, byteCounts: byteCounts, metadata: metadata, path: path)
    let file = try FileDescriptor(creating: path)
    do {
      try header.withUnsafeBytes { try file.write($0, path: path) }
      for (tensor, byteCount) in zip(ordered, byteCounts) {
        try write(tensor, byteCount: byteCount, to: file, path: path)
      }
      try file.finish(path: path)
    } catch {
      unlink(path)
      throw error
    }
    return header.count + byteCounts.reduce(0, +)
  }

  private static func write(
    _ tensor: Tensor, byteCount: Int, to file: borrowing FileDescriptor, path: String
  ) throws {
    var written = 0
    try tensor.withBytes { bytes in
      guard bytes.count == byteCount else {
        throw SafetensorsError(
          file: path, tensor: tensor.name,
          expected: "\(byteCount) bytes for \(tensor.dtype.rawValue) \(tensor.shape)",
          found: "\(bytes.count)")
      }
      try file.write(bytes, path: path)
      written += bytes.count
    }
    guard written == byteCount else {
      throw SafetensorsError(
        file: path, tensor: tensor.name, expected: "its bytes once", found: "\(written) bytes")
    }
  }

  private static func byteCount(of tensor: Tensor, path: String) throws -> Int {
    let byteCount = Safetensors.byteCount(of: tensor.shape, dtype: tensor.dtype)
    guard let byteCount, tensor.shape.allSatisfy({ $0 >= 0 }) else {
      throw SafetensorsError(
        file: path, tensor: tensor.name, expected: "a shape of at most 2^63 - 1 bytes",
        found: "\(tensor.shape)")
    }
    return byteCount
  }

  /// Returns the length of the header and the header, padded so that the data begin at a multiple
  /// of eight.
  private static func header(
    of tensors: [Tensor], byteCounts: [Int], metadata: [String: String], path: String
  ) throws -> [UInt8] {
    var names: Set<String> = [SafetensorsHeader.metadataKey]
    var members: [String] = []
    if !metadata.isEmpty {
      let texts = metadata.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
        .map { "\(quoted($0.key)):\(quoted($0.value))" }
      members.append("\"__metadata__\":{\(texts.joined(separator: ","))}")
    }
    var end = 0
    for (tensor, byteCount) in zip(tensors, byteCounts) {
      guard names.insert(tensor.name).inserted else {
        throw SafetensorsError(
          file: path, tensor: tensor.name, expected: "each name once, and none '__metadata__'",
          found: "it again")
      }
      let start = end
      let (sum, isTooLarge) = start.addingReportingOverflow(byteCount)
      guard !isTooLarge else {
        throw SafetensorsError(
          file: path, tensor: tensor.name, expected: "at most 2^63 - 1 bytes in all",
          found: "more")
      }
      end = sum
      let shape = tensor.shape.map(String.init).joined(separator: ",")
      members.append(
        "\(quoted(tensor.name)):{\"dtype\":\"\(tensor.dtype.rawValue)\",\"shape\":[\(shape)],"
          + "\"data_offsets\":[\(start),\(end)]}")
    }
    let json = Array("{\(members.joined(separator: ","))}".utf8)
    let paddedCount = (json.count + 7) / 8 * 8
    guard paddedCount <= SafetensorsHeader.lengthLimit else {
      throw SafetensorsError(
        file: path, expected: "a header of at most \(SafetensorsHeader.lengthLimit) bytes",
        found: "\(paddedCount)", advice: "write fewer tensors to a file")
    }
    let length = withUnsafeBytes(of: UInt64(paddedCount).littleEndian) { Array($0) }
    return length + json + [UInt8](repeating: 0x20, count: paddedCount - json.count)
  }

  /// Returns a JSON string, escaped as the reference's writer does.
  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\u{8}": result += "\\b"
      case "\u{C}": result += "\\f"
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case "\t": result += "\\t"
      case ..<" ":
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
