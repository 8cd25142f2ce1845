import CLIP
import Diffusion
import Foundation
import Images
import MPI
import Rewards
import Scenes
import StableDiffusion
import Torch
import TorchNN

/// Makes the packaged model: an autoencoder, then text encoder and UNet, trained from nothing on
/// rendered scenes by all ranks.
///
/// The run folder holds `log.jsonl`, `samples/`, `checkpoints/`, and in the end `model/`, a folder
/// in diffusers' layout. A run that was stopped goes on from its newest checkpoint.
public struct Pretraining {
  let configuration: PretrainingConfiguration
  let folder: String
  let communicator: Communicator
  let device: Device
  let report: (String) -> Void

  /// Longest caption in tokens, start and end included, rounded up a little.
  private static let tokenCount = 24

  /// Stable Diffusion 1's schedule and noise to predict: a change of the prediction then moves the
  /// policy by about as much at each sampling step but the last two, where with velocity the early
  /// steps, which decide the layout, have the smallest share (LOG.md).
  private static let scheduler = SchedulerConfiguration()

  /// A run with its results below `folder`.
  ///
  /// - Parameter report: Is given lines for a person, on rank 0.
  public init(
    _ configuration: PretrainingConfiguration, folder: String, communicator: Communicator,
    device: Device, report: @escaping (String) -> Void
  ) {
    self.configuration = configuration
    self.folder = folder
    self.communicator = communicator
    self.device = device
    self.report = report
  }

  /// Trains both stages and saves the model.
  ///
  /// - Throws: `AgreedFailure`; ``NumericalFailure`` when the gradient is not finite.
  public func run() throws {
    try communicator.agreed { try configuration.validate(rankCount: communicator.size) }
    let model = try makeModel()
    let autoencoder = try AutoencoderStage(model, configuration)
    try train(autoencoder, stepCount: configuration.autoencoderSteps) { step in
      try measureReconstruction(of: model, step: step)
    }
    model.setLatentScale(1 / (try latentDeviation(of: model)))

    let denoiser = try DenoiserStage(model, configuration)
    try train(denoiser, stepCount: configuration.denoiserSteps) { step in
      try measureAlignment(of: model, step: step)
    }
    try communicator.agreed {
      guard communicator.rank == 0 else { return }
      try save(model)
      report("the model is in \(folder)/model")
    }
  }

  /// Puts the model in the place of one that an earlier end of the run left.
  private func save(_ model: StableDiffusionModel) throws {
    let (path, temporary) = ("\(folder)/model", "\(folder)/.tmp-model")
    let operations = DiskOperations()
    try operations.remove(temporary)
    try model.save(to: temporary)
    try operations.remove(path)
    try operations.rename(temporary, to: path)
  }

  func makeFolder(_ name: String) throws {
    try RunFolder.makeFolder("\(folder)/\(name)", advice: "set --output to a folder of yours")
  }

  private func makeModel() throws -> StableDiffusionModel {
    let vocabulary = URL(filePath: "\(folder)/tokenizer")
    try communicator.agreed {
      guard communicator.rank == 0 else { return }
      try makeFolder("samples")
      try CLIPVocabulary.build(words: ScenePrompts.words, modelMaxLength: Self.tokenCount)
        .write(to: vocabulary)
    }
    let tokenizer = try CLIPTokenizer(folder: vocabulary)
    let side = SceneRenderer.side
    let autoencoder = AutoencoderConfiguration(
      sampleSize: side, blockOutChannels: configuration.autoencoderChannels, layersPerBlock: 1,
      latentChannels: 4, normGroupCount: 4, scalingFactor: 1, hasMidAttention: false)
    let unetChannels = configuration.unetChannels
    return try StableDiffusionModel(
      tokenizer: tokenizer,
      texts: [
        CLIPTextConfiguration(
          vocabularyCount: tokenizer.vocabularyCount, hiddenWidth: configuration.textWidth,
          intermediateWidth: 4 * configuration.textWidth,
          layerCount: configuration.textLayerCount, headCount: 4,
          positionCount: Self.tokenCount)
      ],
      unet: UNetConfiguration(
        sampleSize: side / autoencoder.downsamplingFactor, channels: autoencoder.latentChannels,
        blockOutChannels: unetChannels, hasAttention: unetChannels.indices.map { $0 > 0 },
        layersPerBlock: 1, crossAttentionWidth: configuration.textWidth,
        headCounts: unetChannels.map { _ in 4 }, normGroupCount: 8),
      autoencoder: autoencoder, scheduler: Self.scheduler, seed: configuration.seed,
      device: device)
  }

  /// The standard deviation of latents over many scenes, the same on every rank.
  private func latentDeviation(of model: StableDiffusionModel) throws -> Double {
    let batch = SceneBatch(places: 0..<512, seed: configuration.seed, noiseCount: 0)
    let latents = try withoutGradient {
      try model.autoencoder.encode(batch.pictureTensor(on: device)).mean
    }
    return try (latents - latents.mean()).squared().mean().item().squareRoot()
  }
}
