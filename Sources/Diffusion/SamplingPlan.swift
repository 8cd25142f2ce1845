/// One Gaussian step of a sampling run, as a linear function of what goes in.
///
/// x_{t-1} is drawn from a normal distribution with mean
/// `sampleCoefficient * x_t + predictionCoefficient * prediction` and standard deviation `sigma` in
/// every latent element.
public struct SamplingStep: Sendable, Equatable {
  /// The training timestep that the network is asked about.
  public let timestep: Int
  /// alphabar at the timestep, in (0, 1).
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
/// The steps are DDIM's; at eta = 1 they are DDPM's ancestral steps, but for the last one where
/// `set_alpha_to_one` is false. A step ends `trainTimestepCount / stepCount` timesteps below its
/// own, as in DDIMScheduler. Where the spacing does not divide evenly (`linspace`, some `trailing`)
/// that is not quite the next step's timestep, which DDPMScheduler would take.
///
/// - Source: Song et al., "Denoising Diffusion Implicit Models", equations 12 and 16; diffusers
///   0.42.1, `DDIMScheduler.step`.
public struct SamplingPlan: Sendable, Equatable {
  /// What the prediction in the steps' means is.
  public let predictionType: PredictionType
  /// Share of the posterior's noise, in 0...1: 0 is deterministic DDIM, 1 is DDPM.
  public let eta: Double
  /// The steps in the order of sampling, noisiest first.
  public let steps: [SamplingStep]

  /// Plans a run of `stepCount` steps.
  ///
  /// - Throws: `DiffusionError.invalidValue` for a schedule, step count or eta out of range.
  public init(
    _ configuration: SchedulerConfiguration, stepCount: Int, eta: Double
  ) throws(DiffusionError) {
    guard (0...1).contains(eta) else {
      throw .invalidValue(name: "eta", expected: "from 0 to 1", actual: "\(eta)")
    }
    let alphasCumprod = try NoiseSchedule(configuration).alphasCumprod
    let timesteps = try configuration.timestepSpacing.timesteps(
      stepCount: stepCount, trainTimestepCount: alphasCumprod.count,
      offset: configuration.stepsOffset)
    let stride = alphasCumprod.count / stepCount
    let finalAlphaCumprod = configuration.setAlphaToOne ? 1 : alphasCumprod[0]

    self.predictionType = configuration.predictionType
    self.eta = eta
    self.steps = timesteps.map { timestep in
      let previous = timestep - stride
      return SamplingStep(
        timestep: timestep, alphaCumprod: alphasCumprod[timestep],
        previousAlphaCumprod: previous >= 0 ? alphasCumprod[previous] : finalAlphaCumprod,
        eta: eta, predictionType: configuration.predictionType)
    }
  }
}

extension SamplingStep {
  init(
    timestep: Int, alphaCumprod: Double, previousAlphaCumprod: Double, eta: Double,
    predictionType: PredictionType
  ) {
    let variance =
      (1 - previousAlphaCumprod) / (1 - alphaCumprod) * (1 - alphaCumprod / previousAlphaCumprod)
    // `leading` spacing without offset ends where it began, and `linspace` may step from timestep 0
    // to the same: no variance there. It is never negative, since alphabar falls with the timestep.
    let sigma = eta * variance.squareRoot()

    // mu = sqrt(previous) x_0 + direction * noise, with x_0 = (x_t - sqrt(1 - alphabar) noise) /
    // sqrt(alphabar).
    let signal = alphaCumprod.squareRoot()
    let noise = (1 - alphaCumprod).squareRoot()
    let direction = max(0, 1 - previousAlphaCumprod - sigma * sigma).squareRoot()
    let ofSample = previousAlphaCumprod.squareRoot() / signal
    let ofNoise = direction - ofSample * noise

    self.timestep = timestep
    self.alphaCumprod = alphaCumprod
    self.previousAlphaCumprod = previousAlphaCumprod
    self.sigma = sigma
    switch predictionType {
    case .epsilon:
      self.sampleCoefficient = ofSample
      self.predictionCoefficient = ofNoise
    case .velocity:
      // noise = sqrt(alphabar) v + sqrt(1 - alphabar) x_t
      self.sampleCoefficient = ofSample + ofNoise * noise
      self.predictionCoefficient = ofNoise * signal
    }
  }
}
