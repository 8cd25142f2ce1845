import CTorch

extension Tensor {
  /// A CPU tensor of `values`, row-major.
  public convenience init<Scalar: TensorScalar>(_ values: [Scalar], shape: [Int]) throws {
    self.init(
      owning: try values.withUnsafeBytes { try Tensor.copying($0, Scalar.dtype, shape) })
  }

  /// A CPU tensor with a copy of `bytes`, row-major.
  public convenience init(bytes: UnsafeRawBufferPointer, dtype: DType, shape: [Int]) throws {
    self.init(owning: try Tensor.copying(bytes, dtype, shape))
  }

  private static func copying(
    _ bytes: UnsafeRawBufferPointer, _ dtype: DType, _ shape: [Int]
  ) throws -> ct_tensor {
    let expected = shape.reduce(dtype.byteCount, *)
    guard bytes.count == expected, shape.allSatisfy({ $0 >= 0 }) else {
      throw TensorError.invalid(
        operation: "Tensor.init", operands: ["\(bytes.count) bytes"],
        reason: "\(dtype.rawValue) \(shape) takes \(expected) bytes")
    }
    var out = ct_tensor(impl: nil)
    let sizes = shape.c
    try check(
      ct_from_data(bytes.baseAddress, dtype.c, sizes, Int32(sizes.count), &out), "Tensor.init")
    return out
  }

  /// A CPU tensor on memory that belongs to `owner`, which it keeps: nothing is copied, and what is
  /// written to the tensor is written there.
  public convenience init(
    on bytes: UnsafeMutableRawBufferPointer, of owner: AnyObject, dtype: DType, shape: [Int]
  ) throws {
    let expected = shape.reduce(dtype.byteCount, *)
    guard bytes.count == expected, shape.allSatisfy({ $0 >= 0 }),
      Int(bitPattern: bytes.baseAddress) % dtype.byteCount == 0
    else {
      throw TensorError.invalid(
        operation: "Tensor.init", operands: ["\(bytes.count) bytes"],
        reason: "\(dtype.rawValue) \(shape) takes \(expected) bytes, aligned to its elements")
    }
    var out = ct_tensor(impl: nil)
    let sizes = shape.c
    let reference = Unmanaged.passRetained(owner)
    let status = ct_from_memory(
      bytes.baseAddress, dtype.c, sizes, Int32(sizes.count), reference.toOpaque(),
      { if let owner = $0 { Unmanaged<AnyObject>.fromOpaque(owner).release() } }, &out)
    if status != CT_OK { reference.release() }
    try check(status, "Tensor.init")
    self.init(owning: out)
  }

  /// A tensor whose elements all equal `value`.
  public static func full(
    _ value: Double, shape: [Int], dtype: DType = .float32, device: Device = .cpu
  ) throws -> Tensor {
    let sizes = shape.c
    return try produce("full") {
      ct_full(value, dtype.c, device.c, sizes, Int32(sizes.count), $0)
    }
  }

  /// A tensor of zeros.
  public static func zeros(
    shape: [Int], dtype: DType = .float32, device: Device = .cpu
  ) throws -> Tensor {
    try full(0, shape: shape, dtype: dtype, device: device)
  }

  /// Standard normal float32 values on the CPU: the same for the same seed on every machine of one
  /// libtorch version, and those of PyTorch.
  ///
  /// - Parameter seed: libtorch's generator takes the low 32 bits and no more.
  public static func randn(seed: UInt64, shape: [Int]) throws -> Tensor {
    let sizes = shape.c
    return try produce("randn") { ct_randn(seed, sizes, Int32(sizes.count), $0) }
  }

  /// Float32 values uniform in [0, 1) on the CPU, a function of the seed alone.
  ///
  /// - Parameter seed: libtorch's generator takes the low 32 bits and no more.
  public static func rand(seed: UInt64, shape: [Int]) throws -> Tensor {
    let sizes = shape.c
    return try produce("rand") { ct_rand(seed, sizes, Int32(sizes.count), $0) }
  }
}
