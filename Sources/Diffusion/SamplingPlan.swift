/// One Gaussian step of a sampling run, as a linear function of what goes in.
///
/// x_{t-1} is drawn from a normal distribution with mean
/// `sampleCoefficient * x_t + predictionCoefficient * prediction` and standard deviation `sigma` in
/// every latent element.
public struct SamplingStep: Sendable, Equatable {
  /// The training timestep that the network is asked about; whole but with interpolation.
  public let timestep: Double
  /// alphabar at the timestep, in [0, 1).
  public let alphaCumprod: Double
  /// alphabar where the step ends, in (0, 1].
  public let previousAlphaCumprod: Double
  /// Standard deviation of the step's noise, 0 or more.
  public let sigma: Double
  /// Factor of x_t in the mean.
  public let sampleCoefficient: Double
  /// Factor of the guided prediction, noise or velocity, in the mean.
  public let predictionCoefficient: Double

  /// Whether the step has noise. One without has no log-probability and stays out of the loss.
  public var hasLogProbability: Bool { sigma > 0 }
}

/// All steps of a sampling run, noisiest first.
///
/// The steps are DDIM's; at eta = 1 they are DDPM's ancestral steps, which are also those of
/// EulerAncestralDiscreteScheduler: it keeps x_t / sqrt(alphabar_t), and is no other process. What
/// differs is where a step ends: `trainTimestepCount / stepCount` timesteps below its own in
/// DDIMScheduler, at the next step's timestep and at last at the clean end in the other two.
///
/// - Source: Song et al., "Denoising Diffusion Implicit Models", equations 12 and 16; diffusers
///   0.42.1, `step` of the three schedulers.
public struct SamplingPlan: Sendable, Equatable {
  /// What the prediction in the steps' means is.
  public let predictionType: PredictionType
  /// Share of the posterior's noise, in 0...1: 0 is deterministic DDIM, 1 is DDPM.
  public let eta: Double
  /// The steps in the order of sampling, noisiest first.
  public let steps: [SamplingStep]
  /// Deviation of the noise that a run starts from, above 0: 1, or just below.
  public let initialDeviation: Double

  /// Plans a run of `stepCount` steps.
  ///
  /// - Throws: `DiffusionError.invalidValue` for a schedule, step count or eta out of range.
  public init(
    _ configuration: SchedulerConfiguration, stepCount: Int, eta: Double
  ) throws(DiffusionError) {
    guard (0...1).contains(eta) else {
      throw .invalidValue(name: "eta", expected: "from 0 to 1", actual: "\(eta)")
    }
    let levels = try NoiseLevels(configuration, stepCount: stepCount)
    self.predictionType = configuration.predictionType
    self.eta = eta
    self.initialDeviation = levels.initialDeviation
    self.steps = zip(levels.timesteps, zip(levels.alphasCumprod, levels.previousAlphasCumprod)).map
    {
      SamplingStep(
        timestep: $0, alphaCumprod: $1.0, previousAlphaCumprod: $1.1, eta: eta,
        predictionType: configuration.predictionType)
    }
  }
}

/// Where the steps of a plan begin and end, as a scheduler has it.
private struct NoiseLevels {
  let timesteps: [Double]
  let alphasCumprod: [Double]
  let previousAlphasCumprod: [Double]
  var initialDeviation = 1.0

  init(_ configuration: SchedulerConfiguration, stepCount: Int) throws(DiffusionError) {
    let table = try NoiseSchedule(configuration).alphasCumprod
    let spacing = configuration.timestepSpacing
    let whole = try spacing.timesteps(
      stepCount: stepCount, trainTimestepCount: table.count, offset: configuration.stepsOffset)
    switch configuration.kind {
    case .ddim:
      let stride = table.count / stepCount
      let last = configuration.setAlphaToOne ? 1 : table[0]
      timesteps = whole.map(Double.init)
      alphasCumprod = whole.map { table[$0] }
      previousAlphasCumprod = whole.map { $0 >= stride ? table[$0 - stride] : last }
    case .ddpm:
      timesteps = whole.map(Double.init)
      alphasCumprod = whole.map { table[$0] }
      previousAlphasCumprod = alphasCumprod.dropFirst() + [1]
    case .eulerAncestral:
      timesteps =
        spacing == .linspace
        ? TimestepSpacing.evenlySpaced(stepCount: stepCount, trainTimestepCount: table.count)
        : whole.map(Double.init)
      // Noise to signal, sigma, is what is interpolated. Without signal it would be infinite.
      let sigmas = table.map { ((1 - $0) / max($0, 0x1p-24)).squareRoot() }
      alphasCumprod = timesteps.map { timestep in
        let (below, part) = (Int(timestep), timestep - timestep.rounded(.down))
        let above = min(below + 1, sigmas.count - 1)
        let sigma = sigmas[below] + part * (sigmas[above] - sigmas[below])
        return 1 / (1 + sigma * sigma)
      }
      previousAlphasCumprod = alphasCumprod.dropFirst() + [1]
      // diffusers starts these two from sigma times the noise, not sqrt(1 + sigma^2) times.
      if spacing != .leading { initialDeviation = (1 - alphasCumprod[0]).squareRoot() }
    }
  }
}

extension SamplingStep {
  init(
    timestep: Double, alphaCumprod: Double, previousAlphaCumprod: Double, eta: Double,
    predictionType: PredictionType
  ) {
    let variance =
      (1 - previousAlphaCumprod) / (1 - alphaCumprod) * (1 - alphaCumprod / previousAlphaCumprod)
    // `leading` spacing without offset ends where it began, and `linspace` may step from timestep 0
    // to the same: no variance there. It is never negative, since alphabar falls with the timestep.
    let sigma = eta * variance.squareRoot()

    // mu = sqrt(previous) x_0 + direction * noise
    let signal = alphaCumprod.squareRoot()
    let noise = (1 - alphaCumprod).squareRoot()
    let previousSignal = previousAlphaCumprod.squareRoot()
    let direction = max(0, 1 - previousAlphaCumprod - sigma * sigma).squareRoot()

    self.timestep = timestep
    self.alphaCumprod = alphaCumprod
    self.previousAlphaCumprod = previousAlphaCumprod
    self.sigma = sigma
    switch predictionType {
    case .epsilon:
      // x_0 = (x_t - sqrt(1 - alphabar) noise) / sqrt(alphabar)
      self.sampleCoefficient = previousSignal / signal
      self.predictionCoefficient = direction - previousSignal / signal * noise
    case .velocity:
      // x_0 = sqrt(alphabar) x_t - sqrt(1 - alphabar) v, noise = sqrt(alphabar) v + sqrt(1 -
      // alphabar) x_t: also where alphabar is 0.
      self.sampleCoefficient = previousSignal * signal + direction * noise
      self.predictionCoefficient = direction * signal - previousSignal * noise
    }
  }
}
