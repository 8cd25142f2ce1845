import Torch

/// How the embedded model is pre-trained on rendered scenes.
///
/// Everything that the result depends on, apart from the code; saved in every checkpoint.
public struct PretrainingConfiguration: Sendable, Codable, Equatable {
  /// Decides the first weights and every sample.
  public var seed: UInt64
  /// Steps of the autoencoder, which comes first.
  public var autoencoderSteps: Int
  /// Steps of text encoder and UNet together.
  public var denoiserSteps: Int
  /// Scenes a step of the autoencoder, over all ranks.
  public var autoencoderBatchCount: Int
  /// Scenes a step of text encoder and UNet, over all ranks.
  public var denoiserBatchCount: Int
  /// The highest learning rate of either stage.
  public var learningRate: Double
  /// Probability that a caption is replaced by the empty one, for guidance.
  public var captionDropout: Double
  /// Channels of the UNet's levels; all but the first attend to the text.
  public var unetChannels: [Int]
  /// Channels of the autoencoder's levels.
  public var autoencoderChannels: [Int]
  /// Features of the text encoder.
  public var textWidth: Int
  /// Layers of the text encoder.
  public var textLayerCount: Int
  /// Steps between checkpoints, reports and grids of samples.
  public var reportInterval: Int

  /// The packaged model's configuration, but for what is changed afterwards.
  public init() {
    seed = 1
    autoencoderSteps = 5_500
    denoiserSteps = 12_000
    autoencoderBatchCount = 16
    denoiserBatchCount = 64
    learningRate = 2e-3
    captionDropout = 0.1
    unetChannels = [24, 48]
    autoencoderChannels = [8, 16, 32]
    textWidth = 64
    textLayerCount = 2
    reportInterval = 500
  }

  /// Checks the values against each other and the number of ranks.
  ///
  /// - Throws: ``TrainingError``.
  func validate(rankCount: Int) throws {
    for (name, value, least) in [
      ("--autoencoder-batch", autoencoderBatchCount, rankCount),
      ("--denoiser-batch", denoiserBatchCount, rankCount),
      ("--autoencoder-steps", autoencoderSteps, 1), ("--denoiser-steps", denoiserSteps, 1),
      ("--report-interval", reportInterval, 1), ("--text-layers", textLayerCount, 1),
    ] where value < least {
      let why = least == rankCount && least > 1 ? ", the number of ranks," : ""
      throw TrainingError(name, expected: "\(least)\(why) or more", found: "\(value)")
    }
  }

  /// Whether a checkpoint of `earlier` can be gone on from: lengths and reports may differ.
  func mayContinue(_ earlier: PretrainingConfiguration) -> Bool {
    var same = self
    same.autoencoderSteps = earlier.autoencoderSteps
    same.denoiserSteps = earlier.denoiserSteps
    same.reportInterval = earlier.reportInterval
    return same == earlier
  }

  /// The optimizer's coefficients in either stage.
  var coefficients: AdamWCoefficients {
    AdamWCoefficients(
      learningRate: learningRate, beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 1e-4)
  }
}
