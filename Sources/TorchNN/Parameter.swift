import Torch

/// A named tensor of a model. Its name is its key in a checkpoint.
public struct Parameter {
  /// The path in the model, as diffusers and transformers write it.
  public let name: String
  /// The values; a leaf of the autograd graph where it is trained.
  public let tensor: Tensor

  /// A parameter from its name and values.
  public init(name: String, tensor: Tensor) {
    self.name = name
    self.tensor = tensor
  }
}

/// How a parameter starts where no file gives its values.
public enum Initialization: Sendable {
  case zeros, ones
  /// Uniform in ±1/sqrt(fanIn), PyTorch's default for linear layers and convolutions.
  case uniform(fanIn: Int)
  /// Normal with the standard deviation given.
  case normal(standardDeviation: Double)

  /// New values, a function of `seed` alone.
  func values(shape: [Int], seed: UInt64) throws -> Tensor {
    switch self {
    case .zeros: return try .zeros(shape: shape)
    case .ones: return try .full(1, shape: shape)
    case .uniform(let fanIn):
      let bound = 1 / Double(fanIn).squareRoot()
      return try (Tensor.rand(seed: seed, shape: shape) * (2 * bound)) + -bound
    case .normal(let standardDeviation):
      return try Tensor.randn(seed: seed, shape: shape) * standardDeviation
    }
  }
}
