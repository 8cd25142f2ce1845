import Diffusion
import Images
import PRDP
import StableDiffusion
import Torch

// Shapes: B trajectories of a prompt, T sampling steps, C latent channels, h w rows and columns.

/// Draws prompts' trajectories from the present policy, or from the pre-trained one, and notes their
/// log-probabilities under both.
struct RolloutSampler {
  let policy: Policy
  /// Whether the pre-trained policy draws.
  let isOffline: Bool
  let plan: SamplingPlan
  /// The steps that enter the loss, S of them.
  let trainedSteps: [Int]
  let trajectoryCount: Int
  /// Prompts that are drawn at once.
  let promptCount: Int
  let guidanceScale: Double
  let runSeed: UInt64
  /// What a log-probability in nats is multiplied by.
  let reductionScale: Double
  let timer: PhaseTimer

  /// A prompt's trajectories, with rewards still to come, and their images.
  typealias Drawn = (rollout: Rollout, images: [Image])

  /// The trajectories of some prompts, each at its position in the run, all in one batch.
  ///
  /// - Parameter policyIsReference: No update was made yet: nothing need be computed twice.
  func sample(_ prompts: [(prompt: Prompt, position: Int)], policyIsReference: Bool) throws
    -> [Drawn]
  {
    try withoutGradient {
      let contexts = try timer.measure(.encode) {
        try prompts.map { try self.contexts(of: $0.prompt) }
      }
      func repeated(_ contexts: [TextContext]) throws -> TextContext {
        try .concatenated(contexts.map { try $0.repeated(trajectoryCount) })
      }
      let conditioning = Conditioning(
        context: try repeated(contexts.map(\.prompt)),
        emptyContext: try repeated(contexts.map(\.empty)), guidanceScale: guidanceScale)
      let noise = try Tensor.concatenated(prompts.map { try self.noise(position: $0.position) })

      var latents: [Tensor] = []
      // Left where they are computed until the end, so that no step waits for the device.
      var (old, reference, kl): ([Tensor], [Tensor], [Tensor]) = ([], [], [])
      let (trained, pretrained) = (policy.model.unet as any NoisePredictor, policy.pretrained)
      let (drawing, other) = isOffline ? (pretrained, trained) : (trained, pretrained)
      let last = try plan.run(noise: noise, predictor: drawing, conditioning) { step in
        latents.append(step.sample)
        let drawn = try step.gaussian.logProbability(of: step.next, mean: step.mean)
        guard !policyIsReference else {
          old.append(drawn)
          reference.append(drawn)
          return kl.append(try .zeros(shape: drawn.shape, dtype: drawn.dtype, device: drawn.device))
        }
        try timer.measure(.reference) {
          let mean = try step.gaussian.mean(
            sample: step.sample,
            prediction: other.guided(
              step.sample, timesteps: step.gaussian.timesteps, conditioning))
          let compared = try step.gaussian.logProbability(of: step.next, mean: mean)
          old.append(isOffline ? compared : drawn)
          reference.append(isOffline ? drawn : compared)
          // Of two normal distributions of one variance it is the same either way.
          kl.append(try step.gaussian.klDivergence(step.mean, mean))
        }
      }
      latents.append(last)
      latents = try latents.map { try $0.to(.cpu) }
      let log = try StepLog(old: old, reference: reference, kl: kl)
      let images = try timer.measure(.decode) { try policy.model.images(of: last) }

      return try prompts.indices.map { index in
        let range = index * trajectoryCount..<(index + 1) * trajectoryCount
        let own = try latents.map { try $0.narrowed(axis: 0, range) }
        let rollout = Rollout(
          position: prompts[index].position, prompt: prompts[index].prompt.text,
          context: contexts[index].prompt, emptyContext: contexts[index].empty,
          latents: try Tensor.concatenated(own).reshaped([own.count] + own[0].shape),
          old: log.matrix(\.old, of: range, trainedSteps, scale: reductionScale),
          reference: log.matrix(\.reference, of: range, trainedSteps, scale: reductionScale),
          kl: log.kl(of: range, trainedSteps: trainedSteps), rewards: [], components: [])
        return (rollout, Array(images[range]))
      }
    }
  }

  /// The context of a prompt and the one that guidance leads away from, each encoded here alone: the
  /// reference and training take them from the rollout.
  func contexts(of prompt: Prompt) throws -> (prompt: TextContext, empty: TextContext) {
    (
      try policy.context(of: prompt.text),
      // Without guidance there is nothing that a negative prompt could do.
      guidanceScale == 1 ? policy.emptyContext : try policy.context(ofNegative: prompt.negative)
    )
  }

  /// The noise of the trajectories of the prompt at `position`, [B, T + 1, C, h, w].
  func noise(position: Int) throws -> Tensor {
    let seeds = (0..<trajectoryCount).map {
      noiseSeed(runSeed: runSeed, position: position, imageIndex: $0)
    }
    return try policy.model.noise(seeds: seeds, stepCount: plan.steps.count)
  }
}

/// What a sampling run's steps say of all its trajectories, step by step, in nats: [T][trajectories].
private struct StepLog {
  let old: [[Double]]
  let reference: [[Double]]
  private let kl: [[Double]]

  /// The log-probabilities and KL divergences [trajectories] of each step.
  init(old: [Tensor], reference: [Tensor], kl: [Tensor]) throws {
    self.old = try old.map { try $0.values() }
    self.reference = try reference.map { try $0.values() }
    self.kl = try kl.map { try $0.values() }
  }

  /// What is noted of some trajectories at some steps.
  func matrix(
    _ values: KeyPath<StepLog, [[Double]]>, of trajectories: Range<Int>, _ steps: [Int],
    scale: Double
  ) -> StepMatrix {
    StepMatrix(trajectoryCount: trajectories.count, stepCount: steps.count) { trajectory, step in
      self[keyPath: values][steps[step]][trajectories.lowerBound + trajectory] * scale
    }
  }

  func kl(of trajectories: Range<Int>, trainedSteps: [Int]) -> KLDivergence {
    let means = kl.map { $0[trajectories].reduce(0, +) / Double(trajectories.count) }
    return KLDivergence(
      trainedSteps: trainedSteps.reduce(0) { $0 + means[$1] }, allSteps: means.reduce(0, +))
  }
}
