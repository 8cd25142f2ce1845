import CTorch

extension Tensor {
  /// The elements, row-major, copied to the host and converted to `Scalar`'s type.
  public func values<Scalar: TensorScalar>(as type: Scalar.Type = Scalar.self) throws -> [Scalar] {
    var values = [Scalar](repeating: .zero, count: count)
    let converted = try to(dtype: Scalar.dtype)
    try values.withUnsafeMutableBytes { try converted.copy(to: $0) }
    return values
  }

  /// Copies the elements as they are, row-major, into host memory of exactly their size.
  public func copy(to destination: UnsafeMutableRawBufferPointer) throws {
    try check(
      withHandle { ct_copy_to_host($0, destination.baseAddress, Int64(destination.count)) },
      "copy", [self])
  }

  /// The one element of a tensor with a single element.
  public func item() throws -> Double {
    var value = 0.0
    try check(withHandle { ct_item($0, &value) }, "item", [self])
    return value
  }

  /// Whether no element is NaN or infinite.
  public func isFinite() throws -> Bool {
    var finite = false
    try check(withHandle { ct_all_finite($0, &finite) }, "isFinite", [self])
    return finite
  }

  /// This tensor on `device` as `dtype`; itself where nothing changes.
  public func to(_ device: Device? = nil, dtype: DType? = nil) throws -> Tensor {
    let (device, dtype) = (device ?? self.device, dtype ?? self.dtype)
    if device == self.device && dtype == self.dtype { return self }
    return try unary("to") { ct_to($0, device.c, dtype.c, $1) }
  }

  /// A contiguous copy with storage of its own.
  public func clone() throws -> Tensor { try unary("clone", ct_clone) }

  /// Overwrites the elements with those of `source`, of the same shape; autograd does not see it.
  public func assign(_ source: Tensor) throws {
    try check(
      withHandle { a in source.withHandle { b in ct_assign(a, b) } }, "assign", [self, source])
  }

  /// Adds `scale * other` to the elements; autograd does not see it.
  public func accumulate(_ other: Tensor, scale: Double = 1) throws {
    try check(
      withHandle { a in other.withHandle { b in ct_accumulate(a, b, scale) } },
      "accumulate", [self, other])
  }

  /// Multiplies the elements by `scale`; autograd does not see it.
  public func scaleInPlace(by scale: Double) throws {
    try check(withHandle { ct_scale_in_place($0, scale) }, "scaleInPlace", [self])
  }
}
