import Diffusion
import PRDP
import Torch

// Shapes: B trajectories of a prompt, T sampling steps, S trained ones, M samples (trajectory, step)
// of a micro-batch, C latent channels, h w rows and columns of the latents.

/// The two passes over a prompt's stored trajectories: log-probabilities without autograd, and
/// the gradient of their weighted sum.
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

  /// Pass A: l_it of the present policy, [B][S].
  func logProbabilities(of rollout: Rollout) throws -> StepMatrix {
    var result = rollout.old
    try withoutGradient {
      try forEachMicroBatch(of: rollout) { samples, logProbabilities in
        try write(logProbabilities, of: samples, to: &result)
      }
    }
    return result
  }

  /// Pass B: adds the gradient of sum_it w_it l_it to the parameters' gradients.
  ///
  /// - Parameter runLast: Runs the last of the backward passes.
  /// - Returns: The l_it that the gradient was taken at, [B][S].
  func backpropagate(
    _ weights: StepMatrix, through rollout: Rollout,
    runLast: (_ backward: () throws -> Void) throws -> Void = { try $0() }
  ) throws -> StepMatrix {
    var result = rollout.old
    var remainingCount = rollout.old.trajectoryCount * rollout.old.stepCount
    try forEachMicroBatch(of: rollout) { samples, logProbabilities in
      let seed = try Tensor(
        samples.map { weights[$0.trajectory, $0.step] * reductionScale }, shape: [samples.count])
      let backward = { try logProbabilities.backward(seed: seed.to(logProbabilities.device)) }
      remainingCount -= samples.count
      try remainingCount == 0 ? runLast(backward) : backward()
      try write(logProbabilities.detached(), of: samples, to: &result)
    }
    return result
  }

  /// One trajectory at one trained step.
  struct Sample {
    let trajectory: Int
    let step: Int
  }

  /// l_it in nats of some samples, float64 [M], recorded for autograd where that is on.
  func logProbabilities(of samples: [Sample], in rollout: Rollout) throws -> Tensor {
    let shape = rollout.latents.shape
    let rows = try rollout.latents.reshaped([shape[0] * shape[1]] + shape[2...])
    func states(_ offset: Int) throws -> Tensor {
      try rows.selecting(
        samples.map { (trainedSteps[$0.step] + offset) * shape[1] + $0.trajectory }
      ).to(emptyContext.device)
    }
    let gaussian = try GaussianSteps(
      samples.map { plan.steps[trainedSteps[$0.step]] }, on: emptyContext.device)
    let sample = try states(0)
    let prediction = try network.guided(
      sample, timesteps: gaussian.timesteps,
      Conditioning(
        context: rollout.context, count: samples.count, emptyContext: rollout.emptyContext,
        guidanceScale: guidanceScale))
    return try gaussian.logProbability(
      of: states(1), mean: gaussian.mean(sample: sample, prediction: prediction))
  }

  /// All samples of a rollout, a step after the other, in micro-batches.
  func forEachMicroBatch(
    of rollout: Rollout, _ body: (_ samples: [Sample], _ logProbabilities: Tensor) throws -> Void
  ) throws {
    let samples = trainedSteps.indices.flatMap { step in
      (0..<rollout.old.trajectoryCount).map { Sample(trajectory: $0, step: step) }
    }
    for start in stride(from: 0, to: samples.count, by: microBatchCount) {
      let batch = Array(samples[start..<min(start + microBatchCount, samples.count)])
      try body(batch, logProbabilities(of: batch, in: rollout))
    }
  }

  private func write(_ values: Tensor, of samples: [Sample], to matrix: inout StepMatrix) throws {
    for (sample, value) in zip(samples, try values.values(as: Double.self)) {
      matrix[sample.trajectory, sample.step] = value * reductionScale
    }
  }
}
