import Foundation

/// How much of the clean latent is left at each training timestep.
///
/// diffusers makes these numbers in float32, and a network learnt them as they came. They are
/// made here by the same float32 operations in the same order (a fused multiply-add in the spacing,
/// a running product in float64 rounded to float32 at each place), so they agree to the last bit
/// with diffusers on processors with fused multiply-add. In Double throughout, 1 - alphabar at the
/// first timestep would differ by 2e-5 relative. All that follows from them is computed in Double.
///
/// - Source: diffusers 0.42.1, schedulers/scheduling_ddim.py, `DDIMScheduler.__init__`;
///   PyTorch, aten/src/ATen/native/cpu/RangeFactoriesKernel.cpp, `linspace`.
public struct NoiseSchedule: Sendable, Equatable {
  /// Variance added at each training timestep, in (0, 1): float32 values.
  public let betas: [Double]
  /// alphabar_t, the product of 1 - beta up to each training timestep, falling, in (0, 1) or 0 at
  /// the last: float32 values.
  public let alphasCumprod: [Double]

  /// The schedule that a configuration describes.
  ///
  /// - Throws: `DiffusionError.invalidValue` unless there is a timestep, every beta lies in (0, 1)
  ///   and some signal is left at the last timestep, but for zero terminal SNR.
  public init(_ configuration: SchedulerConfiguration) throws(DiffusionError) {
    let count = configuration.trainTimestepCount
    guard (1...100_000).contains(count) else {
      throw .invalidValue(
        name: "num_train_timesteps", expected: "from 1 to 100000", actual: "\(count)")
    }
    var betas = Self.betas(configuration)
    guard betas.count == count else {
      throw .invalidValue(
        name: "trained_betas", expected: "\(count) betas, one for each training timestep",
        actual: "\(betas.count)")
    }
    // Below a half ulp, 1 - beta is 1 in float32, and the timestep would add no noise.
    if let wrong = betas.firstIndex(where: { !(1 - $0 > 0 && 1 - $0 < 1) }) {
      throw .invalidValue(
        name: "beta at timestep \(wrong)", expected: "from 1e-7 to below 1",
        actual: "\(betas[wrong])")
    }
    if configuration.rescalesToZeroSNR {
      guard configuration.predictionType == .velocity, count > 1 else {
        throw .unsupported(
          name: "rescale_betas_zero_snr", value: "true",
          advice: "where nothing but noise is left, a network must predict velocity")
      }
      betas = Self.rescaledToZeroSNR(betas)
    }
    self.betas = betas.map(Double.init)
    var product = 1.0
    self.alphasCumprod = betas.map { beta in
      product *= Double(1 - beta)
      return Double(Float(product))
    }
    guard let last = alphasCumprod.last, last > 0 || configuration.rescalesToZeroSNR else {
      throw .invalidValue(
        name: "alphabar at timestep \(count - 1)", expected: "above 0: use smaller betas",
        actual: "\(product)")
    }
  }

  private static func betas(_ configuration: SchedulerConfiguration) -> [Float] {
    if let betas = configuration.trainedBetas { return betas.map { Float($0) } }
    let count = configuration.trainTimestepCount
    let (start, end) = (configuration.betaStart, configuration.betaEnd)
    switch configuration.betaSchedule {
    case .linear:
      return evenlySpaced(from: Float(start), through: Float(end), count: count)
    case .scaledLinear:
      return evenlySpaced(
        from: Float(start.squareRoot()), through: Float(end.squareRoot()), count: count
      ).map { $0 * $0 }
    case .squaredCosine:
      func alphaBar(_ index: Int) -> Double {
        let time = Double(index) / Double(count)
        let cosine = cos((time + 0.008) / 1.008 * .pi / 2)
        return cosine * cosine
      }
      return (0..<count).map { Float(min(1 - alphaBar($0 + 1) / alphaBar($0), 0.999)) }
    }
  }

  /// Betas that leave nothing of the signal at the last timestep, and all else about as it was.
  ///
  /// - Source: Lin et al., "Common Diffusion Noise Schedules and Sample Steps are Flawed",
  ///   Algorithm 1; diffusers 0.42.1, scheduling_ddim.py, `rescale_zero_terminal_snr`.
  private static func rescaledToZeroSNR(_ betas: [Float]) -> [Float] {
    var product = 1.0
    let roots = betas.map { beta in
      product *= Double(1 - beta)
      return Float(product).squareRoot()
    }
    guard let first = roots.first, let last = roots.last else { return betas }
    let products = roots.map { root in
      let shifted = (root - last) * (first / (first - last))
      return shifted * shifted
    }
    return products.indices.map { index in
      1 - (index == 0 ? products[0] : products[index] / products[index - 1])
    }
  }

  /// torch.linspace in float32, which counts up from the start and, from the middle on, down from
  /// the end.
  private static func evenlySpaced(from start: Float, through end: Float, count: Int) -> [Float] {
    guard count > 1 else { return [start] }
    let step = (end - start) / Float(count - 1)
    return (0..<count).map { index in
      index < count / 2
        ? start.addingProduct(step, Float(index))
        : end.addingProduct(-step, Float(count - 1 - index))
    }
  }
}
