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
    guard let info = file.info(name), let dtype = DType(info.dtype) else {
      throw NNError.missingTensor(name: name, source: file.path)
    }
    guard info.shape == shape else {
      throw NNError.wrongShape(
        name: name, expected: shape, found: info.shape, source: file.path)
    }
    return try file.withBytes(of: name) { try Tensor(bytes: $0, dtype: dtype, shape: shape) }
  }
}

extension [Parameter] {
  /// Writes the parameters to a safetensors file, one tensor at a time on the host.
  ///
  /// - Returns: The file's size in bytes.
  @discardableResult
  public func write(to url: URL, metadata: [String: String] = ["format": "pt"]) throws -> Int {
    let tensors = map { parameter in
      let tensor = parameter.tensor
      return SafetensorsWriter.Tensor(
        name: parameter.name, dtype: tensor.dtype.safetensors, shape: tensor.shape
      ) { body in
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
      throw NNError.unexpectedTensors(names: unexpected.sorted(), source: file.path)
    }
    for parameter in self {
      try parameter.tensor.assign(.read(parameter.name, shape: parameter.tensor.shape, from: file))
    }
  }
}
