import Torch

/// The gradients of a list of parameters as one float64 vector on their device.
///
/// Sums over prompts are kept in float64 so that their order, and with it the number of ranks,
/// does not show in a float32 result; one vector is also what an all-reduce wants.
public final class FlatGradient {
  /// The sum so far: float64 [number of trained elements].
  public private(set) var sum: Tensor
  private let parameters: [Parameter]

  /// A sum of zero for `parameters`.
  public init(_ parameters: [Parameter]) throws {
    self.parameters = parameters
    sum = try .zeros(
      shape: [parameters.reduce(0) { $0 + $1.tensor.count }], dtype: .float64,
      device: parameters.first?.tensor.device ?? .cpu)
  }

  /// Starts again from zero.
  public func reset() throws {
    sum = try .zeros(shape: sum.shape, dtype: .float64, device: sum.device)
  }

  /// Adds the gradients that backward passes left at the parameters, and clears those.
  public func collect(scale: Double = 1) throws {
    let parts = try parameters.map { parameter in
      try parameter.tensor.gradient()?.reshaped([-1])
        ?? .zeros(
          shape: [parameter.tensor.count], dtype: parameter.tensor.dtype,
          device: parameter.tensor.device)
    }
    let flat = try Tensor.concatenated(parts).to(dtype: .float64)
    try sum.accumulate(flat, scale: scale)
    for parameter in parameters { parameter.tensor.clearGradient() }
  }

  /// Replaces the sum, such as by its total over all ranks.
  public func replace(with values: [Double]) throws {
    sum = try Tensor(values, shape: [values.count]).to(sum.device)
  }

  /// Scales the sum down to the norm `limit` where it is longer.
  ///
  /// - Returns: The norm before.
  public func clip(toNorm limit: Double) throws -> Double {
    let norm = try sum.norm().item()
    if norm > limit { try sum.scaleInPlace(by: limit / norm) }
    return norm
  }

  /// The sum cut into the parameters' shapes, in their types and on their devices.
  ///
  /// - Parameter dtype: Another type than the parameters'.
  public func tensors(dtype: DType? = nil) throws -> [Tensor] {
    var offset = 0
    return try parameters.map { parameter in
      let tensor = parameter.tensor
      defer { offset += tensor.count }
      return try sum.narrowed(axis: 0, offset..<offset + tensor.count)
        .reshaped(tensor.shape).to(tensor.device, dtype: dtype ?? tensor.dtype)
    }
  }
}
