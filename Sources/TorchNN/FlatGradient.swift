import Torch

/// The gradients of a list of parameters as one float64 vector on their device.
///
/// Sums over prompts are kept in float64 so that their order, and with it the number of ranks,
/// does not show in a float32 result; one vector is also what an all-reduce wants.
public final class FlatGradient {
  /// The sum so far: float64 [number of trained elements].
  public private(set) var sum: Tensor
  /// Whose gradients it holds, in its order.
  public let parameters: [Parameter]
  /// Where each parameter's elements lie in the vector.
  public let ranges: [Range<Int>]

  /// A sum of zero for `parameters`.
  public init(_ parameters: [Parameter]) throws {
    self.parameters = parameters
    var end = 0
    ranges = parameters.map { parameter in
      let start = end
      end += parameter.tensor.count
      return start..<end
    }
    sum = try .zeros(
      shape: [end], dtype: .float64, device: parameters.first?.tensor.device ?? .cpu)
  }

  /// Starts again from zero.
  public func reset() throws {
    sum = try .zeros(shape: sum.shape, dtype: .float64, device: sum.device)
  }

  /// Adds the gradients that backward passes left at the parameters, and clears those.
  ///
  /// - Parameter indices: Of the parameters, all where it is left out.
  public func collect(_ indices: Range<Int>? = nil, scale: Double = 1) throws {
    let indices = indices ?? parameters.indices
    guard !indices.isEmpty else { return }
    let parts = try parameters[indices].map { parameter in
      try parameter.tensor.gradient()?.reshaped([-1])
        ?? .zeros(
          shape: [parameter.tensor.count], dtype: parameter.tensor.dtype,
          device: parameter.tensor.device)
    }
    let flat = try Tensor.concatenated(parts).to(dtype: .float64)
    try part(ranges[indices.lowerBound].lowerBound..<ranges[indices.upperBound - 1].upperBound)
      .accumulate(flat, scale: scale)
    for parameter in parameters[indices] { parameter.tensor.clearGradient() }
  }

  /// The elements of a range of the vector.
  public func values(in range: Range<Int>) throws -> [Double] { try part(range).values() }

  /// Replaces elements from `start` on, such as by their total over all ranks.
  public func replace(from start: Int = 0, with values: [Double]) throws {
    try part(start..<start + values.count)
      .assign(Tensor(values, shape: [values.count]).to(sum.device))
  }

  /// Scales the sum down to the norm `limit` where it is longer.
  ///
  /// - Parameter norm: Its norm, where that is known already.
  /// - Returns: The norm before.
  public func clip(toNorm limit: Double, from norm: Double? = nil) throws -> Double {
    let norm = try norm ?? sum.norm().item()
    if norm > limit { try sum.scaleInPlace(by: limit / norm) }
    return norm
  }

  /// The norm of one parameter's elements.
  public func norm(of index: Int) throws -> Double { try part(ranges[index]).norm().item() }

  /// The sum cut into the parameters' shapes, in their types and on their devices.
  ///
  /// - Parameters:
  ///   - indices: Of the parameters, all where it is left out.
  ///   - dtype: Another type than the parameters'.
  public func tensors(of indices: [Int]? = nil, dtype: DType? = nil) throws -> [Tensor] {
    try (indices ?? Array(parameters.indices)).map { index in
      let tensor = parameters[index].tensor
      return try part(ranges[index])
        .reshaped(tensor.shape).to(tensor.device, dtype: dtype ?? tensor.dtype)
    }
  }

  /// A view of some elements.
  private func part(_ range: Range<Int>) throws -> Tensor { try sum.narrowed(axis: 0, range) }
}
