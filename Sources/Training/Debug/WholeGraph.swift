import PRDP
import Torch
import TorchNN

// Shapes: B trajectories of a prompt, S trained steps, P pairs of trajectories with unequal rewards.

extension Trainer {
  /// The gradient of a step as autograd finds it when the loss itself is differentiated, through
  /// all samples of a prompt at once: float64 [number of trained elements].
  ///
  /// The forward passes have the shapes of the two passes, so that both see the same bits and no
  /// log-ratio lies within the clip range in one and beyond it in the other.
  func wholeGraphGradient(of step: InspectedStep) throws -> Tensor {
    let sum = try FlatGradient(policy.trainable)
    for group in policyGradient.groups(of: step.rollouts) {
      let losses = try zip(group, policyGradient.recordedLogProbabilities(of: group)).compactMap {
        rollout, logProbabilities in
        try recordedLoss(
          logProbabilities, old: rollout.old, reference: rollout.reference,
          rewards: rollout.rewards, method)
      }
      // Without a pair there is no loss, and nothing to add.
      guard let first = losses.first else { continue }
      try losses.dropFirst().reduce(first, +).backward()
      try sum.collect(scale: 1 / Double(configuration.method.promptsPerEpoch))
    }
    return sum.sum
  }
}

extension PolicyGradient {
  /// l_it of all samples of a group's rollouts in one graph: float64 [B, S] each.
  fileprivate func recordedLogProbabilities(of group: [Rollout]) throws -> [Tensor] {
    var parts: [Tensor] = []
    try forEachMicroBatch(of: group) { parts.append($1) }
    let all = try Tensor.concatenated(parts)
    return try zip(group, all.chunks(group.count, axis: 0)).map { rollout, own in
      try own.reshaped([trainedSteps.count, rollout.old.trajectoryCount]).permuted([1, 0])
        * reductionScale
    }
  }
}

/// PRDP's loss of one prompt, by its definition and in tensor operations alone; `nil` where no
/// pair has known and unequal rewards.
///
/// - Parameter logProbabilities: l, [B, S].
/// - Source: arXiv 2402.08714v2, equations 15 to 21.
func recordedLoss(
  _ logProbabilities: Tensor, old: StepMatrix, reference: StepMatrix, rewards: [Double?],
  _ configuration: PRDPConfiguration
) throws -> Tensor? {
  let trajectories = rewards.indices
  let pairs = trajectories.flatMap { i in
    trajectories[(i + 1)...].compactMap { j -> (i: Int, j: Int, gap: Double)? in
      guard let one = rewards[i], let other = rewards[j], one != other else { return nil }
      return (i, j, one - other)
    }
  }
  guard !pairs.isEmpty else { return nil }
  let device = logProbabilities.device
  let targets = try Tensor(
    pairs.map { $0.gap / configuration.beta }, shape: [pairs.count]
  ).to(device)
  let (old, reference) = (try old.tensor().to(device), try reference.tensor().to(device))
  let delta = try logProbabilities - old
  let clipRange = configuration.clips ? configuration.clipRange : .infinity

  /// The squared errors of the pairs' differences: [P].
  func squaredErrors(_ logRatios: Tensor) throws -> Tensor {
    let means = try logRatios.mean(axes: [1])
    return try (means.selecting(pairs.map(\.i)) - means.selecting(pairs.map(\.j)) - targets)
      .squared()
  }
  let free = try squaredErrors(logProbabilities - reference)
  let clipped = try squaredErrors(delta.clamped(to: -clipRange...clipRange) + (old - reference))
  // The larger of the two: max(a, b) = (a + b + |a - b|) / 2.
  return try ((free + clipped + (free - clipped).absolute()) * 0.5).mean()
}

/// How far a vector is from the one expected: the norm of the difference over the norm expected; 0
/// where both vanish.
func relativeDifference(_ found: Tensor, from expected: Tensor) throws -> Double {
  let difference = try (found - expected).norm().item()
  return try difference == 0 ? 0 : difference / expected.norm().item()
}
