import Torch

// Shapes: B batch, T steps, C channels, H W rows and columns of the latents.

/// One step that a sampling run took.
public struct SampledStep {
  /// Which step of the plan, from 0 at the noisiest.
  public let index: Int
  /// The step's Gaussian, the same for the whole batch.
  public let gaussian: GaussianSteps
  /// x_t [B, C, H, W], float32.
  public let sample: Tensor
  /// The guided prediction [B, C, H, W], float64.
  public let prediction: Tensor
  /// The mean of x_{t-1} [B, C, H, W], float64.
  public let mean: Tensor
  /// x_{t-1} [B, C, H, W], float32.
  public let next: Tensor
}

extension SamplingPlan {
  /// Draws a batch of latents. It waits for the device before the first step alone, if `predictor` and
  /// `observe` do not.
  ///
  /// - Parameters:
  ///   - noise: Standard normal, [B, T + 1, C, H, W]: what the run starts from, then what each step
  ///     adds.
  ///   - observe: Is shown every step.
  /// - Returns: The latents [B, C, H, W] at the end, float32.
  public func run(
    noise: Tensor, predictor: some NoisePredictor, _ conditioning: Conditioning,
    observe: (SampledStep) throws -> Void = { _ in }
  ) throws -> Tensor {
    let shape = noise.shape
    precondition(
      shape.count == 5 && shape[1] == steps.count + 1,
      "noise must be [B, \(steps.count + 1), C, H, W], got \(shape)")
    func slice(_ index: Int) throws -> Tensor {
      try noise.narrowed(axis: 1, index..<index + 1).reshaped([shape[0]] + shape[2...])
    }
    // Before the first pass: a copy to a device waits for what was asked of it until then.
    let gaussians = try steps.map {
      try GaussianSteps(Array(repeating: $0, count: shape[0]), on: noise.device)
    }
    var sample = try slice(0) * initialDeviation
    for (index, (step, gaussian)) in zip(steps, gaussians).enumerated() {
      let prediction = try predictor.guided(
        sample, timesteps: gaussian.timesteps, conditioning)
      let mean = try gaussian.mean(sample: sample, prediction: prediction)
      let next = try (mean + slice(index + 1) * step.sigma).to(dtype: .float32)
      try observe(
        SampledStep(
          index: index, gaussian: gaussian, sample: sample, prediction: prediction, mean: mean,
          next: next))
      sample = next
    }
    return sample
  }
}
