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

      let (last, log) = try draw(noise, conditioning, policyIsReference: policyIsReference)
      let images = try timer.measure(.decode) { try policy.model.images(of: last) }

      return try prompts.indices.map { index in
        let range = index * trajectoryCount..<(index + 1) * trajectoryCount
        let rollout = Rollout(
          position: prompts[index].position, prompt: prompts[index].prompt.text,
          context: contexts[index].prompt, emptyContext: contexts[index].empty,
          latents: try log.latents.narrowed(axis: 1, range).clone(),
          old: log.matrix(\.old, of: range, trainedSteps, scale: reductionScale),
          reference: log.matrix(\.reference, of: range, trainedSteps, scale: reductionScale),
          kl: log.kl(of: range, trainedSteps: trainedSteps), rewards: [], components: [])
        return (rollout, Array(images[range]))
      }
    }
  }

  /// The latents [N, C, h, w] at the end of N trajectories, and what their steps say.
  private func draw(_ noise: Tensor, _ conditioning: Conditioning, policyIsReference: Bool) throws
    -> (last: Tensor, log: StepLog)
  {
    let (trained, pretrained) = (policy.model.unet as any NoisePredictor, policy.pretrained)
    let (drawing, other) = isOffline ? (pretrained, trained) : (trained, pretrained)
    var steps: [DrawnStep] = []
    let last = try plan.run(noise: noise, predictor: drawing, conditioning) { step in
      let drawn = try step.gaussian.logProbability(of: step.next, mean: step.mean)
      guard !policyIsReference else {
        return steps.append(
          DrawnStep(
            sample: step.sample, old: drawn, reference: drawn,
            kl: try .zeros(shape: drawn.shape, dtype: drawn.dtype, device: drawn.device)))
      }
      try timer.measure(.reference) {
        let mean = try step.gaussian.mean(
          sample: step.sample,
          prediction: other.guided(
            step.sample, timesteps: step.gaussian.timesteps, conditioning))
        let compared = try step.gaussian.logProbability(of: step.next, mean: mean)
        steps.append(
          DrawnStep(
            sample: step.sample, old: isOffline ? compared : drawn,
            reference: isOffline ? drawn : compared,
            // Of two normal distributions of one variance it is the same either way.
            kl: try step.gaussian.klDivergence(step.mean, mean)))
      }
    }
    return (last, try StepLog(steps, last: last))
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

/// What a step of N trajectories leaves, where it was computed: no step waits for the device.
private struct DrawnStep {
  /// x_t [N, C, h, w].
  let sample: Tensor
  /// Log-probabilities and KL divergences [N], float64, in nats.
  let old, reference, kl: Tensor
}

/// What a sampling run leaves of N trajectories, in the machine's memory.
private struct StepLog {
  /// [T + 1, N, C, h, w].
  let latents: Tensor
  /// [T][N], in nats.
  let old: [[Double]]
  let reference: [[Double]]
  private let kl: [[Double]]

  /// Waits for the device.
  init(_ steps: [DrawnStep], last: Tensor) throws {
    func rows(_ value: KeyPath<DrawnStep, Tensor>) throws -> [[Double]] {
      let values: [Double] = try Tensor.concatenated(steps.map { $0[keyPath: value] }).values()
      let count = last.shape[0]
      return steps.indices.map { Array(values[$0 * count..<($0 + 1) * count]) }
    }
    latents = try Tensor.concatenated(steps.map(\.sample) + [last])
      .reshaped([steps.count + 1] + last.shape).to(.cpu)
    old = try rows(\.old)
    reference = try rows(\.reference)
    kl = try rows(\.kl)
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
