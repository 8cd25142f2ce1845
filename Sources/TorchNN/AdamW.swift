import Torch

/// AdamW over a list of parameters.
///
/// - Source: Loshchilov and Hutter, "Decoupled Weight Decay Regularization"; `torch.optim.AdamW`.
public final class AdamW {
  /// The coefficients; the learning rate may change between steps.
  public var coefficients: AdamWCoefficients
  /// What is optimised.
  public let parameters: [Parameter]

  private let firstMoments: [Tensor]
  private let secondMoments: [Tensor]
  private let stepCounters: [Tensor]

  /// An optimizer at its start, with moments of zero.
  public init(_ parameters: [Parameter], _ coefficients: AdamWCoefficients) throws {
    self.parameters = parameters
    self.coefficients = coefficients
    let tensors = parameters.map(\.tensor)
    let zeros: (Tensor) throws -> Tensor = {
      try .zeros(shape: $0.shape, dtype: $0.dtype, device: $0.device)
    }
    firstMoments = try tensors.map(zeros)
    secondMoments = try tensors.map(zeros)
    stepCounters = try tensors.map { try .zeros(shape: [], device: $0.device) }
  }

  /// Changes the parameters by one step along `gradients`, in the order of ``parameters``.
  public func step(_ gradients: [Tensor]) throws {
    guard !parameters.isEmpty else { return }
    try adamWStep(
      parameters: parameters.map(\.tensor), gradients: gradients, firstMoments: firstMoments,
      secondMoments: secondMoments, stepCounters: stepCounters, coefficients)
  }

  /// The moments and counters, named `<parameter>.exp_avg`, `.exp_avg_sq` and `.step` as PyTorch's
  /// optimizer state is. Assigning to these tensors restores the optimizer.
  public var state: [Parameter] {
    parameters.indices.flatMap { index in
      let name = parameters[index].name
      return [
        Parameter(name: "\(name).exp_avg", tensor: firstMoments[index]),
        Parameter(name: "\(name).exp_avg_sq", tensor: secondMoments[index]),
        Parameter(name: "\(name).step", tensor: stepCounters[index]),
      ]
    }
  }
}
