import Diffusion
import PRDP
import Torch

// Shapes: B trajectories of a prompt, T sampling steps, S trained ones, M samples (trajectory, step)
// of a micro-batch, C latent channels, h w rows and columns of the latents.

/// The two passes over prompts' stored trajectories: log-probabilities without autograd, and the
/// gradient of their weighted sum. Where all samples of a prompt fit in one micro-batch, one forward
/// pass serves both.
///
/// Both go through micro-batches of the same shapes, so that equal weights give equal bits.
/// Activations take the memory of one micro-batch, whatever T is.
struct PolicyGradient {
  /// The network of the policy.
  let network: any NoisePredictor
  /// Of the empty prompt, where the network computes. A rollout has its own.
  let emptyContext: TextContext
  let plan: SamplingPlan
  /// The steps that enter the loss, S of them.
  let trainedSteps: [Int]
  let guidanceScale: Double
  /// The most samples in one forward pass, M.
  var microBatchCount: Int
  /// What a log-probability in nats is multiplied by.
  let reductionScale: Double

  /// Rollouts that are learnt from at a time: as many as one micro-batch has all samples of, or one.
  func groups(of rollouts: [Rollout]) -> [[Rollout]] {
    guard let first = rollouts.first else { return [] }
    let count = max(1, microBatchCount / (first.old.trajectoryCount * trainedSteps.count))
    return stride(from: 0, to: rollouts.count, by: count).map {
      Array(rollouts[$0..<min($0 + count, rollouts.count)])
    }
  }

  /// Whether one forward pass tells the log-probabilities of all samples, and keeps their graph.
  func takesOnePass(through group: [Rollout]) -> Bool {
    group.count * (group.first?.old.trajectoryCount ?? 0) * trainedSteps.count <= microBatchCount
  }

  /// Pass A: l_it of the present policy, [B][S].
  func logProbabilities(of rollout: Rollout) throws -> StepMatrix {
    var result = [rollout.old]
    try withoutGradient {
      try forEachMicroBatch(of: [rollout]) { samples, logProbabilities in
        try write(logProbabilities, of: samples, to: &result)
      }
    }
    return result[0]
  }

  /// Pass B: adds the gradient of sum_it w_it l_it to the parameters' gradients.
  ///
  /// - Returns: The l_it that the gradient was taken at, [B][S].
  func backpropagate(_ weights: StepMatrix, through rollout: Rollout) throws -> StepMatrix {
    try backpropagate(through: [rollout], at: [rollout.old], weights: { _ in [weights] })[0]
  }

  /// Adds the gradient of the sum over a group's rollouts of sum_it w_it l_it to the parameters'
  /// gradients.
  ///
  /// - Parameters:
  ///   - group: One of ``groups(of:)``.
  ///   - known: The l_it of each, [B][S], where they need not be computed to know w_it.
  ///   - weights: Is given them, or those that were computed, and returns the w_it of each, [B][S].
  ///   - runLast: Runs the last of the backward passes.
  /// - Returns: The l_it that the gradient was taken at, [B][S] each.
  func backpropagate(
    through group: [Rollout], at known: [StepMatrix]?,
    weights: (_ logProbabilities: [StepMatrix]) throws -> [StepMatrix],
    runLast: (_ backward: () throws -> Void) throws -> Void = { try $0() }
  ) throws -> [StepMatrix] {
    var found = group.map(\.old)
    var chosen: [StepMatrix]?
    if !takesOnePass(through: group) {
      chosen = try weights(known ?? group.map(logProbabilities))
    }
    var remainingCount = found.reduce(0) { $0 + $1.values.count }
    try forEachMicroBatch(of: group) { samples, logProbabilities in
      try write(logProbabilities.detached(), of: samples, to: &found)
      let weights = try chosen ?? weights(known ?? found)
      let seed = try Tensor(
        samples.map { weights[$0.rollout][$0.trajectory, $0.step] * reductionScale },
        shape: [samples.count])
      let backward = { try logProbabilities.backward(seed: seed.to(logProbabilities.device)) }
      remainingCount -= samples.count
      try remainingCount == 0 ? runLast(backward) : backward()
    }
    return found
  }

  /// One trajectory of a group's rollout at one trained step.
  struct Sample {
    let rollout: Int
    let trajectory: Int
    let step: Int
  }

  /// All samples of a group, a step after the other of each rollout, in micro-batches.
  func forEachMicroBatch(
    of group: [Rollout], _ body: (_ samples: [Sample], _ logProbabilities: Tensor) throws -> Void
  ) throws {
    let samples = group.indices.flatMap { rollout in
      trainedSteps.indices.flatMap { step in
        (0..<group[rollout].old.trajectoryCount).map {
          Sample(rollout: rollout, trajectory: $0, step: step)
        }
      }
    }
    for start in stride(from: 0, to: samples.count, by: microBatchCount) {
      let batch = Array(samples[start..<min(start + microBatchCount, samples.count)])
      try body(batch, logProbabilities(of: batch, in: group))
    }
  }

  /// l_it in nats of some samples, float64 [M], recorded for autograd where that is on.
  private func logProbabilities(of samples: [Sample], in group: [Rollout]) throws -> Tensor {
    let parts = group.indices.map { index in samples.filter { $0.rollout == index } }
    func states(_ offset: Int) throws -> Tensor {
      try .concatenated(
        zip(group, parts).map { rollout, samples in
          let shape = rollout.latents.shape
          return try rollout.latents.reshaped([shape[0] * shape[1]] + shape[2...]).selecting(
            samples.map { (trainedSteps[$0.step] + offset) * shape[1] + $0.trajectory })
        }
      ).to(emptyContext.device)
    }
    func context(_ context: KeyPath<Rollout, TextContext>) throws -> TextContext {
      try .concatenated(zip(group, parts).map { try $0[keyPath: context].repeated($1.count) })
    }
    let gaussian = try GaussianSteps(
      samples.map { plan.steps[trainedSteps[$0.step]] }, on: emptyContext.device)
    let sample = try states(0)
    let prediction = try network.guided(
      sample, timesteps: gaussian.timesteps,
      Conditioning(
        context: context(\.context), emptyContext: context(\.emptyContext),
        guidanceScale: guidanceScale))
    return try gaussian.logProbability(
      of: states(1), mean: gaussian.mean(sample: sample, prediction: prediction))
  }

  private func write(_ values: Tensor, of samples: [Sample], to matrices: inout [StepMatrix]) throws
  {
    for (sample, value) in zip(samples, try values.values(as: Double.self)) {
      matrices[sample.rollout][sample.trajectory, sample.step] = value * reductionScale
    }
  }
}
