import Foundation

/// DDPO's loss of one prompt, the baseline, and the constants of its gradient.
///
/// Legend: `B` trajectories of the prompt, `S` trained time steps; l and l_old are log-probabilities
/// [B][S] under the trained and the old policy, A the advantages [B].
///
///     rho_it = exp( l_it - l_old_it )
///     loss   = mean over i and t of max( -A_i rho_it, -A_i clip(rho_it, 1 +- eps) )
///
/// The gradient of the loss is the sum over i and t of w_it times the gradient of l_it, with
/// w_it = -A_i rho_it / (B S), or 0 where the clipped term is the larger one. A trajectory without an
/// advantage, as it has no score, is left out of the mean.
///
/// - Source: Black et al., "Training Diffusion Models with Reinforcement Learning", arXiv 2305.13301,
///   section 4.3 (DDPO with importance sampling); kvablack/ddpo-pytorch, scripts/train.py.
public struct DDPOObjective: StepObjective, Equatable {
  /// The mean over trajectories and steps; 0 where no trajectory has an advantage.
  public let loss: Double
  /// w_it, the constants of the gradient: [B][S].
  public let weights: StepMatrix
  /// The log-ratios to the reference, of which the loss knows nothing, each a mean over steps: [B].
  public let logRatios: [Double]
  /// The logarithms of rho_it: [B][S].
  public let deltas: StepMatrix
  /// Share of trajectories and steps with |rho_it - 1| of more than the clip range, in 0...1.
  public let clipFraction: Double
  /// Share of all B (B - 1) / 2 pairs with equal advantages, in 0...1.
  public let tiedPairFraction: Double

  /// The objective at any optimiser step of an epoch.
  ///
  /// - Parameters:
  ///   - logProbabilities: l, under the policy being trained: [B][S].
  ///   - old: l_old, under the policy that drew the trajectories: [B][S].
  ///   - reference: l_ref, under the pre-trained policy: [B][S].
  ///   - advantages: A: [B]; `nil` for a trajectory without a score.
  ///   - clipRange: eps, above 0; `nil` for no clipping.
  /// - Throws: `PRDPError` if a log-probability is not finite.
  public init(
    logProbabilities: StepMatrix, old: StepMatrix, reference: StepMatrix, advantages: [Double?],
    clipRange: Double?
  ) throws(PRDPError) {
    for matrix in [logProbabilities, old, reference] {
      precondition(
        matrix.trajectoryCount == advantages.count && matrix.stepCount == old.stepCount,
        "log-probabilities must be [B][S] for every policy, and advantages [B]")
    }
    try logProbabilities.checkFinite(policy: "trained")
    try old.checkFinite(policy: "old")
    try reference.checkFinite(policy: "reference")

    let deltas = StepMatrix(trajectoryCount: old.trajectoryCount, stepCount: old.stepCount) {
      i, t in
      logProbabilities[i, t] - old[i, t]
    }
    var weights = StepMatrix(
      trajectoryCount: old.trajectoryCount, stepCount: old.stepCount
    ) { _, _ in 0 }
    let scored = advantages.indices.filter { advantages[$0] != nil }
    let scale = 1 / Double(max(1, scored.count * old.stepCount))
    let range = (1 - (clipRange ?? .infinity))...(1 + (clipRange ?? .infinity))
    var loss = 0.0
    var outsideCount = 0
    for (i, advantage) in advantages.enumerated() {
      for t in 0..<old.stepCount {
        let ratio = exp(deltas[i, t])
        if !range.contains(ratio) { outsideCount += 1 }
        guard let advantage else { continue }
        let clipped = min(max(ratio, range.lowerBound), range.upperBound)
        loss += max(-advantage * ratio, -advantage * clipped) * scale
        // At a tie, inside of the range, the two terms have the same gradient.
        if -advantage * ratio >= -advantage * clipped { weights[i, t] = -advantage * ratio * scale }
      }
    }
    self.loss = loss
    self.weights = weights
    self.deltas = deltas
    logRatios = advantages.indices.map { i in
      (0..<old.stepCount).reduce(0) { $0 + logProbabilities[i, $1] - reference[i, $1] }
        / Double(old.stepCount)
    }
    clipFraction = Double(outsideCount) / Double(old.values.count)
    let pairCount = advantages.count * (advantages.count - 1) / 2
    let tiedCount = scored.reduce(0) { count, i in
      count + scored.count { $0 > i && advantages[$0] == advantages[i] }
    }
    tiedPairFraction = Double(tiedCount) / Double(max(1, pairCount))
  }
}
