import Torch

/// How far a tensor is from the one expected: the norm of the difference over the norm expected.
///
/// - Returns: Infinity where the shapes differ or nothing but zeros was expected and something else
///   came; NaN, which no tolerance accepts, where an element is NaN.
public func relativeDifference(_ found: Tensor, from expected: Tensor) throws -> Double {
  guard found.shape == expected.shape else { return .infinity }
  return try withoutGradient {
    let expected = try expected.to(dtype: .float64)
    let difference = try (found.to(dtype: .float64) - expected).norm().item()
    let norm = try expected.norm().item()
    return difference == 0 ? 0 : difference / norm
  }
}
