import ClusterConfiguration
import Diffusion
import Foundation
import Images
import MPI
import Rewards
import StableDiffusion
import Torch

/// Draws images of a file's prompts from a model and scores them, with all ranks.
public struct EvaluationRun {
  /// What stands on top of a model.
  public enum Weights: Sendable {
    /// Nothing: the model as it is.
    case none
    /// A checkpoint of a run that started from the model, or the run's folder.
    case checkpoint(path: String)
    /// A file of adapters in diffusers' or Kohya's layout.
    case adapters(path: String)
  }

  private let configuration: RunConfiguration
  private let communicator: Communicator
  private let model: EvaluatedModel
  private let prompts: PromptFile
  /// The held-out ones too, with the weight 0.
  private let rewards: [RunConfiguration.Reward]
  private let reward: WeightedReward
  private let sampler: ImageSampler
  private let imagesPerPrompt: Int
  private let seed: UInt64
  private let ledger: ScoreLedger?

  /// Loads all that is needed. Collective.
  ///
  /// - Parameters:
  ///   - configuration: Names the model, and says how images are drawn and scored.
  ///   - modelPath: Where a checkpoint's model is now; where the run had it by default.
  ///   - prompts: A file in any format that training takes.
  ///   - imagesPerPrompt: B, 1 or more.
  ///   - seed: Decides all noise, together with the place of the prompt and of the image.
  ///   - ledger: The folder where scores that cost are kept, and which are not asked for again.
  /// - Throws: `AgreedFailure`.
  public init(
    _ configuration: RunConfiguration, _ weights: Weights, modelPath: String?, prompts: String,
    imagesPerPrompt: Int, seed: UInt64, ledger: String?, communicator: Communicator, device: Device
  ) throws {
    self.configuration = configuration
    self.communicator = communicator
    self.imagesPerPrompt = imagesPerPrompt
    self.seed = seed
    let rewards = configuration.rewards + configuration.heldOutRewards
    self.rewards = rewards
    let weights = try weights.resolved(communicator)
    let parts = try communicator.agreed {
      let file = try PromptFile(path: prompts)
      let reward = try RewardRegistry.reward(rewards, on: device)
      try reward.check(
        file,
        indices: stride(from: communicator.rank, to: file.entries.count, by: communicator.size))
      let model = try EvaluatedModel(configuration, weights, modelPath: modelPath, device: device)
      let fingerprints = try model.fingerprints() + rewards.fingerprints()
      let plan = try SamplingPlan(
        model.model.scheduler.with(configuration.sampler.spacing),
        stepCount: configuration.sampler.steps, eta: configuration.sampler.eta)
      return (
        file, reward, model, fingerprints,
        ImageSampler(
          model: model.model, plan: plan, guidanceScale: configuration.sampler.guidance,
          batchCount: configuration.sampler.batchSize),
        try ledger.map {
          try ScoreLedger(
            folder: $0, rank: communicator.rank,
            seeds: ScoreSeeds(training: seed, evaluation: seed),
            advice: "name a folder of yours with --ledger",
            warn: { ServiceReward.writeToStandardError("warning: \($0)") })
        }
      )
    }
    let fingerprints: [(name: String, content: String)]
    (self.prompts, reward, model, fingerprints, sampler, self.ledger) = parts
    try communicator.requireTheSame(
      fingerprints + [
        ("configuration", configuration.yaml()), ("prompts", parts.0.sha256),
        ("options", "\(imagesPerPrompt) \(seed)"),
      ])
  }

  /// Draws and scores all images, scoring some while others are drawn. Collective.
  ///
  /// - Parameter progress: Is told how many of this rank's batches are done, of how many.
  /// - Returns: The same on all ranks.
  /// - Throws: `AgreedFailure`.
  public func run(progress: (_ done: Int, _ of: Int) -> Void) throws -> EvaluationReport {
    let imageCount = prompts.entries.count * imagesPerPrompt
    let batchCount = sampler.batchCount
    let starts = ScoreTable.starts(imageCount: imageCount, batchCount: batchCount, communicator)
    var table = ScoreTable(of: reward, imageCount: imageCount)
    try communicator.agreed {
      let negatives = try NegativeContexts(of: sampler.model)
      let queue = ScoringQueue(threadCount: configuration.scoring.parallelPrompts)
      // Answers that are on their way may still be kept.
      defer { queue.close(waitingUntil: .distantFuture) }
      var doneCount = 0
      func collect(waitingUntil limit: Date) throws {
        for done in try queue.collect(waitingUntil: limit) {
          table.fill(from: starts[done.index], with: done.scores)
          doneCount += 1
          progress(doneCount, starts.count)
        }
      }
      for (part, start) in starts.enumerated() {
        _ = queue.waitForRoom(until: .distantFuture)
        try collect(waitingUntil: .distantPast)
        let drawn = try draw(Array(start..<min(start + batchCount, imageCount)), negatives)
        queue.submit(part) { [reward, ledger] in try reward.scores(of: drawn, keptIn: ledger) }
      }
      while doneCount < starts.count { try collect(waitingUntil: .distantFuture) }
    }
    try table.join(communicator)
    return report(table)
  }

  private func draw(_ places: [Int], _ negatives: NegativeContexts) throws -> DrawnImages {
    let entries = places.map { prompts.entries[$0 / imagesPerPrompt] }
    let images = try sampler.images(
      prompts: entries.map(\.text),
      // Without guidance there is nothing that a negative prompt could do.
      emptyContext: sampler.guidanceScale == 1
        ? negatives.empty : negatives.context(ofBatch: entries.map(\.negative)),
      seeds: places.map {
        evaluationSeed(
          seed, set: "", place: $0 / imagesPerPrompt, imageIndex: $0 % imagesPerPrompt)
      })
    return DrawnImages(
      images: images, prompts: entries.map(\.text),
      places: places.map {
        ImagePlace(
          set: ImagePlace.evaluationSet, position: $0 / imagesPerPrompt, index: $0 % imagesPerPrompt
        )
      })
  }

  private func report(_ table: ScoreTable) -> EvaluationReport {
    let (sums, components) = (table.sums, table.components)
    let scores = sums.indices.map { place in
      EvaluationReport.Score(
        promptIndex: place / imagesPerPrompt, imageIndex: place % imagesPerPrompt,
        reward: sums[place],
        components: Dictionary(
          uniqueKeysWithValues: zip(table.names, components).compactMap { name, row in
            row[place].map { (name, $0) }
          }))
    }
    let sampler = configuration.sampler
    return EvaluationReport(
      model: model.folder.path, modelSHA256: model.sha256, weights: model.weightsPath,
      weightsSHA256: model.weightsSHA256, prompts: prompts.path,
      conditions: EvaluationReport.Conditions(
        promptsSHA256: prompts.sha256, imagesPerPrompt: imagesPerPrompt, seed: seed,
        steps: sampler.steps, guidance: sampler.guidance, eta: sampler.eta,
        spacing: sampler.spacing.rawValue,
        reward: rewards.map { "\($0.weight) * {\($0.identity)}" }
          .joined(separator: " + ")),
      scores: scores)
  }
}
