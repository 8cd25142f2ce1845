import Torch

// Shapes: B batch, C channels, H W rows and columns of the latents.

/// The Gaussian steps of a batch, which may stand at different places of a plan.
///
/// Means and log-probabilities are computed in float64: a clip range of 1e-6 lies below the noise
/// of float32.
public struct GaussianSteps {
  /// The timesteps [B], float32, as the network takes them.
  public let timesteps: Tensor
  private let sampleCoefficients: Tensor
  private let predictionCoefficients: Tensor
  /// 1 / (2 sigma^2) [B]; 0 for a step without noise, whose log-probability is not used.
  private let precisions: Tensor

  /// One step for each element of a batch.
  public init(_ steps: [SamplingStep], on device: Device) throws {
    func column(_ value: (SamplingStep) -> Double) throws -> Tensor {
      try Tensor(steps.map(value), shape: [steps.count, 1, 1, 1]).to(device)
    }
    timesteps = try Tensor(steps.map { Float($0.timestep) }, shape: [steps.count]).to(device)
    sampleCoefficients = try column(\.sampleCoefficient)
    predictionCoefficients = try column(\.predictionCoefficient)
    precisions = try Tensor(
      steps.map { $0.hasLogProbability ? 1 / (2 * $0.sigma * $0.sigma) : 0 },
      shape: [steps.count]
    ).to(device)
  }

  /// The mean of x_{t-1} [B, C, H, W], float64, for x_t and the guided prediction of its shape.
  public func mean(sample: Tensor, prediction: Tensor) throws -> Tensor {
    try sample.to(dtype: .float64) * sampleCoefficients + prediction * predictionCoefficients
  }

  /// log p(x_{t-1} | x_t) [B], float64, without the constant, which cancels in every difference:
  /// -||x_{t-1} - mean||^2 / (2 sigma^2), summed over C, H and W.
  public func logProbability(of next: Tensor, mean: Tensor) throws -> Tensor {
    try (next.to(dtype: .float64) - mean).squared().sum(axes: [1, 2, 3]) * precisions * -1
  }

  /// The KL divergence [B], float64, in nats, between two policies with these means.
  public func klDivergence(_ mean: Tensor, _ otherMean: Tensor) throws -> Tensor {
    try (mean - otherMean).squared().sum(axes: [1, 2, 3]) * precisions
  }
}
