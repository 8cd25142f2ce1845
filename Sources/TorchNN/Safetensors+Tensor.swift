import Foundation
import Safetensors
import Torch

extension DType {
  /// The type's name in a safetensors file.
  public var safetensors: SafetensorsDType {
    switch self {
    case .uint8: .uint8
    case .int32: .int32
    case .int64: .int64
    case .float16: .float16
    case .bfloat16: .bfloat16
    case .float32: .float32
    case .float64: .float64
    case .bool: .bool
    }
  }

  /// The type that a safetensors file names; `nil` for one that tensors here do not have.
  public init?(_ dtype: SafetensorsDType) {
    guard let match = DType.allCases.first(where: { $0.safetensors == dtype }) else { return nil }
    self = match
  }
}

extension Tensor {
  /// A copy of a file's tensor on the CPU, of the type it has there.
  ///
  /// - Throws: ``NNError`` when it is missing or of another shape than expected.
  public static func read(_ name: String, shape: [Int], from file: SafetensorsFile) throws -> Tensor
  {
    let dtype = try dtype(of: name, shape: shape, in: file)
    return try file.withBytes(of: name) { try Tensor(bytes: $0, dtype: dtype, shape: shape) }
  }

  /// A file's tensor on the CPU, of the type it has there, in the file's own memory where it is
  /// aligned for that.
  ///
  /// - Throws: ``NNError`` when it is missing or of another shape than expected.
  static func map(_ name: String, shape: [Int], from file: SafetensorsFile) throws -> Tensor {
    let dtype = try dtype(of: name, shape: shape, in: file)
    let storage = try file.storage(of: name)
    guard Int(bitPattern: storage.bytes.baseAddress) % dtype.byteCount == 0 else {
      return try Tensor(bytes: UnsafeRawBufferPointer(storage.bytes), dtype: dtype, shape: shape)
    }
    return try Tensor(on: storage.bytes, of: storage, dtype: dtype, shape: shape)
  }

  private static func dtype(of name: String, shape: [Int], in file: SafetensorsFile) throws -> DType
  {
    guard let info = file.info(name) else {
      throw NNError.missingTensor(name: name, expected: shape, source: file.path)
    }
    guard let dtype = DType(info.dtype) else {
      throw NNError.unsupportedType(name: name, type: "\(info.dtype)", source: file.path)
    }
    guard info.shape == shape else {
      throw NNError.wrongShape(
        name: name, expected: shape, found: info.shape, source: file.path)
    }
    return dtype
  }
}

extension [Parameter] {
  /// Writes the parameters to a safetensors file, one tensor at a time on the host.
  ///
  /// - Returns: The file's size in bytes.
  @discardableResult
  public func write(to url: URL, metadata: [String: String] = ["format": "pt"]) throws -> Int {
    try write(to: url, metadata: metadata) { $0.tensor }
  }

  /// Writes `value` of each parameter, of the same type and shape, one at a time.
  @discardableResult
  func write(
    to url: URL, metadata: [String: String] = ["format": "pt"],
    _ value: @escaping (Parameter) throws -> Tensor
  ) throws -> Int {
    let tensors = map { parameter in
      SafetensorsWriter.Tensor(
        name: parameter.name, dtype: parameter.tensor.dtype.safetensors,
        shape: parameter.tensor.shape
      ) { body in
        let tensor = try value(parameter)
        let byteCount = tensor.count * tensor.dtype.byteCount
        try withUnsafeTemporaryAllocation(byteCount: byteCount, alignment: 16) { buffer in
          try tensor.copy(to: buffer)
          try body(UnsafeRawBufferPointer(buffer))
        }
      }
    }
    return try SafetensorsWriter.write(tensors, metadata: metadata, to: url)
  }

  /// Overwrites the parameters with a file's values.
  ///
  /// - Throws: ``NNError`` unless the file holds exactly these names and shapes.
  public func assign(from file: SafetensorsFile) throws {
    let known = Set(map(\.name))
    let unexpected = file.names.filter { !known.contains($0) }
    guard unexpected.isEmpty else {
      throw NNError.unexpectedTensors(file.shapes(of: unexpected), source: file.path)
    }
    for parameter in self {
      try parameter.tensor.assign(.read(parameter.name, shape: parameter.tensor.shape, from: file))
    }
  }
}

extension SafetensorsFile {
  /// The shapes of the tensors of these names.
  func shapes(of names: some Sequence<String>) -> [String: [Int]] {
    Dictionary(
      names.map { ($0, info($0)?.shape ?? []) }, uniquingKeysWith: { first, _ in first })
  }
}
