import Foundation

/// A safetensors file that is open for reading, wholly checked: its tensors fill it exactly.
///
/// - Source: huggingface/safetensors, README ("Format").
public final class SafetensorsFile: Sendable {
  /// How the tensors' bytes are reached.
  public enum Access: Sendable {
    /// By a private memory map: bytes are read from the disk when they are first used. Should the file
    /// be cut while it is open, using them ends the process: for files that nothing changes, such as
    /// model weights.
    case mapped
    /// By reading all of them into memory at once: for files that may vanish, such as checkpoints.
    case inMemory
  }

  /// What the header says of a tensor.
  public struct TensorInfo: Equatable, Sendable {
    /// The type of the elements.
    public let dtype: SafetensorsDType
    /// The number of elements along each dimension; empty for a single number.
    public let shape: [Int]
    /// The place of its bytes in the file.
    public let byteRange: Range<Int>
  }

  /// The path of the file.
  public let path: String
  private let header: SafetensorsHeader
  private let contents: FileContents
  private let dataStart: Int

  /// Opens the file and checks all of its header.
  ///
  /// - Throws: ``SafetensorsError``.
  public init(_ url: URL, access: Access = .mapped) throws {
    path = url.path
    let file = try FileDescriptor(reading: path)
    let length = try file.length(path)
    let headerLength = try SafetensorsFile.headerLength(of: file, length: length, path: path)
    dataStart = HeaderScanner.headerStart + headerLength
    header = try SafetensorsHeader(
      SafetensorsFile.readHeader(of: file, length: headerLength, path: path), file: path,
      dataLength: length - dataStart)
    contents = try FileContents(
      file, length: length, dataStart: dataStart, access: access, path: path)
  }

  /// The texts under `__metadata__`; empty where there are none.
  public var metadata: [String: String] { header.metadata }

  /// The names of the tensors, in the order of their bytes.
  public var names: [String] { header.tensors.map(\.name) }

  /// Returns what the header says of a tensor, or `nil` where there is none of this name.
  public func info(_ name: String) -> TensorInfo? {
    guard let index = header.index(of: name) else { return nil }
    let tensor = header.tensors[index]
    let start = dataStart + tensor.offsets.lowerBound
    return TensorInfo(
      dtype: tensor.dtype, shape: header.shape(of: tensor),
      byteRange: start..<start + tensor.offsets.count)
  }

  /// Calls `body` with the bytes of a tensor, in row-major order and little-endian.
  ///
  /// The bytes stay where they are while this object lives: who keeps it may keep the pointer. They
  /// are aligned for their type in files of this module's and the reference's writer, but the
  /// format does not demand it.
  ///
  /// - Throws: ``SafetensorsError`` where there is no tensor of this name; what `body` throws.
  public func withBytes<Value>(
    of name: String, _ body: (UnsafeRawBufferPointer) throws -> Value
  ) throws -> Value {
    let bytes = contents.bytes(in: try offsets(of: name))
    return try withExtendedLifetime(self) { try body(UnsafeRawBufferPointer(bytes)) }
  }

  /// The bytes of a tensor, to be kept and even written to: the file itself does not change.
  ///
  /// - Throws: ``SafetensorsError`` where there is no tensor of this name.
  public func storage(of name: String) throws -> TensorStorage {
    TensorStorage(file: self, bytes: contents.bytes(in: try offsets(of: name)))
  }

  private func offsets(of name: String) throws -> Range<Int> {
    guard let index = header.index(of: name) else {
      throw SafetensorsError(
        file: path, tensor: name, expected: "a tensor of this name",
        found: "\(header.tensors.count) tensors of other names")
    }
    return header.tensors[index].offsets
  }

  /// Reads the header from a copy, even of a file that is mapped: it cannot change meanwhile.
  private static func readHeader(
    of file: borrowing FileDescriptor, length: Int, path: String
  ) throws -> HeaderReader {
    let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: length, alignment: 8)
    defer { bytes.deallocate() }
    try file.read(into: bytes, at: HeaderScanner.headerStart, path: path)
    return try HeaderReader(UnsafeBufferPointer(bytes.bindMemory(to: UInt8.self)), file: path)
  }

  /// Returns the header's length, which the first eight bytes hold, checked against the file's.
  private static func headerLength(
    of file: borrowing FileDescriptor, length: Int, path: String
  ) throws -> Int {
    let limit = min(length - HeaderScanner.headerStart, SafetensorsHeader.lengthLimit)
    guard limit >= 0 else {
      throw SafetensorsError(
        file: path, expected: "the 8 bytes of a header's length", found: "\(length) bytes",
        advice: "the file is cut short; copy or download it again")
    }
    var headerLength: UInt64 = 0
    try withUnsafeMutableBytes(of: &headerLength) { try file.read(into: $0, at: 0, path: path) }
    headerLength = UInt64(littleEndian: headerLength)
    guard headerLength <= UInt64(limit) else {
      throw SafetensorsError(
        file: path, expected: "a header of at most \(limit) bytes", found: "\(headerLength)",
        advice: "this is not a safetensors file, or it is cut short")
    }
    return Int(headerLength)
  }
}

/// The bytes of one tensor of a file, which stay while this object lives. Where the file is mapped,
/// their memory is given back with it.
public final class TensorStorage: Sendable {
  /// Row-major and little-endian; of one owner only if they are written to.
  public nonisolated(unsafe) let bytes: UnsafeMutableRawBufferPointer
  private let file: SafetensorsFile

  fileprivate init(file: SafetensorsFile, bytes: UnsafeMutableRawBufferPointer) {
    self.file = file
    self.bytes = bytes
  }

  deinit {
    file.forget(bytes)
  }
}

extension SafetensorsFile {
  fileprivate func forget(_ bytes: UnsafeMutableRawBufferPointer) { contents.forget(bytes) }
}
