import CLIP
import ClusterConfiguration
import Diffusion
import Foundation
import MPI
import PRDP
import Rewards
import Scenes
import StableDiffusion
import Torch
import TorchNN

/// All that one rank loads and checks by itself before a run, without a word to the others.
struct TrainerParts {
  let evaluationSets: [(name: String, file: PromptFile)]
  let reward: WeightedReward
  let heldOut: [WeightedReward.Term]
  let modelSHA256: String
  /// What else has to be the same on every rank, by a name for it.
  private let fingerprints: [(name: String, content: String)]
  let policy: Policy
  let plan: SamplingPlan
  let method: PRDPConfiguration
  let klLimit: KLLimit?
  let sampler: RolloutSampler
  let policyGradient: PolicyGradient
  let optimizer: AdamW
  let average: ExponentialMovingAverage?
  let gradient: FlatGradient
  let buckets: [GradientBucket]

  init(
    _ configuration: RunConfiguration, standard: StandardModel?, _ communicator: Communicator,
    device: Device, timer: PhaseTimer
  ) throws {
    try configuration.validate(rankCount: communicator.size)
    evaluationSets = try configuration.evaluation.sets.map {
      ($0.name, try PromptFile(path: $0.prompts))
    }
    reward = try RewardRegistry.reward(configuration.rewards, on: device)
    heldOut = try RewardRegistry.heldOut(configuration.evaluation.rewards, on: device)
    // Each rank looks at its part of the prompts; those of training are looked at with their index.
    let evaluated = try WeightedReward(reward.terms + heldOut)
    for file in evaluationSets.map(\.file) {
      try evaluated.check(
        file,
        indices: stride(from: communicator.rank, to: file.entries.count, by: communicator.size))
    }

    let seed = UInt64(configuration.run.seed)
    let dtype = DType(named: configuration.model.dtype)
    let lora = LoRAConfiguration(configuration.model)
    let model: StableDiffusionModel
    let modelSettings: String
    if let standard {
      let vocabulary = try CLIPVocabulary.build(
        words: ScenePrompts.words, modelMaxLength: StandardModel.tokenCount)
      model = try StableDiffusionModel(
        standard, tokenizer: CLIPTokenizer(vocabulary: vocabulary), seed: seed, device: device,
        dtype: dtype, lora: lora)
      // Nothing of such a run is saved.
      (modelSHA256, modelSettings) = (standard.rawValue, "")
    } else {
      let folder = ModelFolder(
        path: configuration.model.path, variant: configuration.model.variant)
      model = try StableDiffusionModel(
        folder, device: device, dtype: dtype, lora: lora, loraSeed: seed)
      (modelSHA256, modelSettings) = (try folder.weightsSHA256(), try folder.settingsSHA256())
    }
    model.unet.recomputesActivations = configuration.model.gradientCheckpointing
    fingerprints =
      try [("model", modelSHA256), ("settings of the model", modelSettings)]
      + (configuration.rewards + configuration.evaluation.rewards).fingerprints()
      + evaluationSets.map { ("evaluation set \($0.name)", $0.file.sha256) }
    policy = try Policy(model)

    let settings = configuration.method
    plan = try SamplingPlan(
      model.scheduler.with(configuration.sampler.spacing),
      stepCount: configuration.sampler.steps, eta: configuration.sampler.eta)
    let reduction = LogProbabilityReduction(named: settings.reduction)
    method = try PRDPConfiguration(
      beta: settings.beta, clipRange: settings.clipRange, clips: settings.clip,
      reduction: reduction,
      omittedLastStepCount: settings.omitLastSteps)
    klLimit = try settings.klLimit.map { nats in
      try KLLimit(nats: nats, action: KLLimit.Action(named: settings.klAction))
    }
    let trainedSteps = try method.trainedStepIndices(of: plan)
    let reductionScale = reduction.scale(
      latentElementCount: model.latentShape.reduce(1, *))
    sampler = RolloutSampler(
      policy: policy, isOffline: settings.sampling == .offline, plan: plan,
      trainedSteps: trainedSteps,
      trajectoryCount: settings.imagesPerPrompt,
      promptCount: configuration.promptsDrawnAtOnce(rankCount: communicator.size),
      guidanceScale: configuration.sampler.guidance, runSeed: seed, reductionScale: reductionScale,
      timer: timer)
    policyGradient = PolicyGradient(
      network: model.unet, emptyContext: policy.emptyContext, plan: plan,
      trainedSteps: trainedSteps, guidanceScale: configuration.sampler.guidance,
      microBatchCount: settings.microBatch, reductionScale: reductionScale)
    gradient = try FlatGradient(policy.trainable)
    let isSharded = configuration.optimizer.sharded
    buckets = GradientBucket.buckets(
      of: gradient.ranges,
      elementLimit: configuration.optimizer.bucketElementCount,
      rankCount: communicator.size, keepsParametersWhole: isSharded)
    let owned =
      isSharded
      ? buckets.parameters(ofRank: communicator.rank, gradient.ranges)
      : Array(gradient.parameters.indices)
    optimizer = try AdamW(
      owned.map { [gradient] in gradient.parameters[$0] },
      AdamWCoefficients(configuration.optimizer))
    average = try configuration.optimizer.averageDecay.map { [policy] decay in
      try ExponentialMovingAverage(policy.trainable, decay: decay)
    }
  }

  /// Refuses ranks that read other things than rank 0: a stale file on one machine.
  ///
  /// - Throws: `AgreedFailure`.
  func requireTheSame(
    onAllRanksOf communicator: Communicator, _ prompts: TrainingPrompts
  ) throws {
    try communicator.requireTheSame(fingerprints + [("data.prompts", prompts.sha256)])
  }
}

extension WeightedReward {
  /// Looks for prompts that a reward cannot judge, so that they are found before a run.
  func check(_ file: PromptFile, indices: StrideTo<Int>) throws {
    for index in indices {
      do {
        try check(prompt: file.entries[index].text)
      } catch {
        throw TrainingError(
          "prompt \(index + 1) of \(file.path)", expected: "a prompt for \(name)",
          found: "\"\(file.entries[index].text)\": \(error)",
          advice: "take it out, or choose another reward")
      }
    }
  }
}

extension LoRAConfiguration {
  /// The adapters that a configuration asks for; `nil` for full fine-tuning.
  init?(_ model: RunConfiguration.Model) {
    guard model.training == .lora else { return nil }
    self.init(rank: model.lora.rank, alpha: model.lora.alpha, targets: model.lora.targets)
  }
}

extension AdamWCoefficients {
  fileprivate init(_ optimizer: RunConfiguration.Optimizer) {
    self.init(
      learningRate: optimizer.learningRate, beta1: optimizer.beta1, beta2: optimizer.beta2,
      epsilon: optimizer.epsilon, weightDecay: optimizer.weightDecay)
  }
}

extension RunConfiguration {
  /// Prompts that share a batch of `sampler.batchSize` images. Few of a rank's share, so that scoring
  /// begins early and goes on beside the drawing; and one in half precision, where training sees the
  /// bits that sampling saw only in batches of one prompt.
  fileprivate func promptsDrawnAtOnce(rankCount: Int) -> Int {
    guard model.dtype == .float32 else { return 1 }
    let leastGroupCount = 16
    return max(
      1,
      min(
        sampler.batchSize / method.imagesPerPrompt,
        method.promptsPerEpoch / rankCount / leastGroupCount))
  }
}
