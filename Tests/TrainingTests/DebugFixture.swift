import CLIP
import ClusterConfiguration
import Diffusion
import Foundation
import Images
import MPI
import Rewards
import Scenes
import StableDiffusion
import Torch

@testable import Training

/// A model with random weights, as small as one can be, and runs with it.
enum DebugFixture {
  /// Elements of a latent, D.
  static let latentElementCount = 4 * 8 * 8

  /// The one rank of the test process; MPI stays for all tests.
  static func world() throws -> Communicator {
    try MPISession.join(threadLevel: .multiple).world
  }

  /// A model whose tokenizer is kept in `folder`.
  static func model(
    in folder: String, predictionType: PredictionType = .epsilon, channels: [Int] = [8, 16]
  ) throws -> StableDiffusionModel {
    let vocabulary = URL(filePath: "\(folder)/vocabulary")
    try CLIPVocabulary.build(words: ScenePrompts.words, modelMaxLength: 24).write(to: vocabulary)
    let tokenizer = try CLIPTokenizer(folder: vocabulary)
    return try StableDiffusionModel(
      tokenizer: tokenizer,
      texts: [
        CLIPTextConfiguration(
          vocabularyCount: tokenizer.vocabularyCount, hiddenWidth: 16, intermediateWidth: 32,
          layerCount: 1, headCount: 2, positionCount: 24)
      ],
      unet: UNetConfiguration(
        sampleSize: 8, channels: 4, blockOutChannels: channels, hasAttention: [false, true],
        layersPerBlock: 1, crossAttentionWidth: 16, headCounts: [2, 2], normGroupCount: 4),
      autoencoder: AutoencoderConfiguration(
        sampleSize: 64, blockOutChannels: [4, 4, 8, 8], layersPerBlock: 1, latentChannels: 4,
        normGroupCount: 4, scalingFactor: 1, hasMidAttention: false),
      scheduler: SchedulerConfiguration(predictionType: predictionType), seed: 1, device: .cpu)
  }

  /// A run in `folder`, where the model and the prompts are written to too.
  static func configuration(in folder: String) throws -> RunConfiguration {
    if !FileManager.default.fileExists(atPath: "\(folder)/model") {
      try model(in: folder).save(to: "\(folder)/model")
    }
    let prompts = [
      "a small red circle above a large blue star on a white background",
      "a large green ring on a black background",
      "a picture of a small pink heart left of a small cyan cross against a navy background",
    ]
    try write(
      prompts.map { $0 + "\n" }.joined().utf8, to: "\(folder)/prompts.txt")
    var configuration = RunConfiguration()
    configuration.run.output = "\(folder)/run"
    configuration.run.epochs = 2
    configuration.model.path = "\(folder)/model"
    configuration.model.training = .full
    configuration.data.prompts = [.init(path: "\(folder)/prompts.txt")]
    configuration.method.promptsPerEpoch = 2
    configuration.method.imagesPerPrompt = 4
    configuration.method.innerSteps = 3
    configuration.method.clipRange = 0.4
    configuration.method.microBatch = 5
    configuration.optimizer.learningRate = 1e-4
    configuration.optimizer.warmupSteps = 0
    configuration.sampler.steps = 5
    configuration.sampler.batchSize = 4
    configuration.evaluation.sets = []
    configuration.logging.progress = .none
    return configuration
  }

  /// A debug run of `configuration`.
  ///
  /// - Parameter reward: Takes the place of the configuration's.
  /// - Returns: The lines that were reported.
  static func run(
    _ configuration: RunConfiguration, reward: (any Reward)? = nil, dumpFolder: String? = nil
  ) throws -> (outcome: RunOutcome, lines: [String]) {
    try Runtime.setThreadCount(1)
    let trainer = try Trainer(
      configuration, communicator: world(), device: .cpu, resume: .never)
    if let reward { trainer.reward = try WeightedReward([.init(reward, weight: 1)]) }
    var lines: [String] = []
    let outcome = try DebugRun(trainer, dumpFolder: dumpFolder) { lines.append($0) }.run()
    return (outcome, lines)
  }
}

/// Scores by place, whatever the images: with ties and without.
struct HandMadeReward: Reward {
  let name = "hand-made"
  /// `nil` for a missing one.
  let scores: [Double?]

  func score(_ images: [Image], prompts: [String]) -> [Score] {
    images.indices.map { index in
      scores[index % scores.count].map(Score.value) ?? .missing(reason: "none by hand")
    }
  }
}
