import CTorch

/// A multi-dimensional array of one element type on one device, recorded for autograd where asked.
///
/// A reference to a libtorch tensor, released with the last Swift reference. Operations return new
/// tensors or views and throw ``TensorError``; only ``assign(_:)``, ``accumulate(_:scale:)`` and
/// ``scaleInPlace(by:)`` change one. Not `Sendable`: a tensor stays on the thread that made it.
public final class Tensor {
  private let handle: ct_tensor

  /// Takes ownership of a handle that the shim returned.
  init(owning handle: ct_tensor) {
    self.handle = handle
  }

  deinit {
    ct_tensor_release(handle)
  }

  /// The only door to the handle: it cannot outlive the tensor.
  func withHandle<Result>(_ body: (ct_tensor) throws -> Result) rethrows -> Result {
    defer { extendLifetime(self) }
    return try body(handle)
  }

  /// The length of each axis, outermost first.
  public var shape: [Int] {
    withHandle { handle in
      var sizes = [Int64](repeating: 0, count: Int(ct_rank(handle)))
      ct_shape(handle, &sizes)
      return sizes.map(Int.init)
    }
  }

  /// The number of elements.
  public var count: Int { shape.reduce(1, *) }

  /// The element type.
  public var dtype: DType {
    withHandle { handle in
      var dtype = CT_FLOAT32
      let status = ct_get_dtype(handle, &dtype)
      precondition(status == CT_OK, "the shim makes only tensors of the types it names")
      return DType(dtype)
    }
  }

  /// Where the elements live.
  public var device: Device { withHandle { Device(ct_get_device($0)) } }

  /// Type and shape, as error messages show them: "float32 [2, 4, 16, 16]".
  public var summary: String { "\(dtype.rawValue) \(shape)" }

  /// Runs an operation with one operand.
  func unary(
    _ operation: String,
    _ body: (ct_tensor, UnsafeMutablePointer<ct_tensor>) -> ct_status
  ) throws -> Tensor {
    try produce(operation, operands: [self]) { out in withHandle { body($0, out) } }
  }

  /// Runs an operation with two operands.
  func binary(
    _ operation: String, _ other: Tensor,
    _ body: (ct_tensor, ct_tensor, UnsafeMutablePointer<ct_tensor>) -> ct_status
  ) throws -> Tensor {
    try produce(operation, operands: [self, other]) { out in
      withHandle { a in other.withHandle { b in body(a, b, out) } }
    }
  }

  /// Runs an operation with three operands, of which the last may be absent.
  func ternary(
    _ operation: String, _ second: Tensor, _ third: Tensor?,
    _ body: (ct_tensor, ct_tensor, ct_tensor, UnsafeMutablePointer<ct_tensor>) -> ct_status
  ) throws -> Tensor {
    try produce(operation, operands: [self, second] + [third].compactMap(\.self)) { out in
      withHandle { a in
        second.withHandle { b in withOptionalHandle(third) { c in body(a, b, c, out) } }
      }
    }
  }
}

/// Runs an operation that returns a new tensor.
func produce(
  _ operation: String, operands: @autoclosure () -> [Tensor] = [],
  _ body: (UnsafeMutablePointer<ct_tensor>) -> ct_status
) throws -> Tensor {
  var out = ct_tensor(impl: nil)
  try check(body(&out), operation, operands())
  return Tensor(owning: out)
}

/// The handles of several tensors, for operations that take a list.
func withHandles<Result>(
  _ tensors: [Tensor], _ body: ([ct_tensor]) throws -> Result
) rethrows -> Result {
  defer { extendLifetime(tensors) }
  return try body(tensors.map { tensor in tensor.withHandle { $0 } })
}

/// The handles of several lists of tensors, for operations that take more than one.
func withHandles<Result>(
  _ lists: [[Tensor]], _ body: ([[ct_tensor]]) throws -> Result
) rethrows -> Result {
  defer { extendLifetime(lists) }
  return try body(lists.map { list in list.map { tensor in tensor.withHandle { $0 } } })
}

/// The handle of a tensor that may be absent.
func withOptionalHandle<Result>(
  _ tensor: Tensor?, _ body: (ct_tensor) throws -> Result
) rethrows -> Result {
  guard let tensor else { return try body(ct_tensor(impl: nil)) }
  return try tensor.withHandle(body)
}

extension Array where Element == Int {
  /// Shapes and axes as the shim takes them.
  var c: [Int64] { map(Int64.init) }
}
