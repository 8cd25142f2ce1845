/// PRDP's loss of one prompt and the constants of its exact gradient.
///
/// Legend: `B` trajectories of the prompt, `S` trained time steps; l, l_old and l_ref are
/// log-probabilities [B][S] under the trained, the old and the reference policy.
///
///     delta_it = l_it - l_old_it
///     u_i  = mean_t( l_it - l_ref_it )
///     v_i  = mean_t( l_old_it - l_ref_it + clip(delta_it, +-eps) )
///     e_ij = u_i - u_j - (r_i - r_j) / beta        ec_ij = v_i - v_j - (r_i - r_j) / beta
///     loss = mean over the M pairs with r_i != r_j, both known, of max(e_ij^2, ec_ij^2)
///
/// The gradient of the loss is the sum over i and t of w_it times the gradient of l_it, with
///
///     s_ij = 1 if e_ij^2 >= ec_ij^2 else 0
///     g_i  = 2/M sum_j s_ij e_ij                   h_i = 2/M sum_j (1 - s_ij) ec_ij
///     w_it = 1/S ( g_i + h_i [ |delta_it| < eps ] )
///
/// Rewards are raw. A trajectory whose reward is not known is in no pair, so that its weights are 0:
/// the loss is that of the other trajectories alone. The log-ratio is a mean over time steps, as in the paper's code; its equations
/// have the sum.
///
/// - Source: Deng et al., "PRDP: Proximal Reward Difference Prediction for Large-Scale Reward
///   Finetuning of Diffusion Models", arXiv 2402.08714v2, equations 15 to 21 and appendix G.
public struct PromptObjective: StepObjective, Equatable {
  /// The mean over the pairs; 0 where there is none.
  public let loss: Double
  /// u_i, the log-ratio to the reference that stands for trajectory i's reward: [B].
  public let logRatios: [Double]
  /// delta_it, the log-ratios to the old policy: [B][S].
  public let deltas: StepMatrix
  /// w_it, the constants of the gradient: [B][S].
  public let weights: StepMatrix
  /// M, the pairs whose rewards are known and differ.
  public let untiedPairCount: Int
  /// Share of all B (B - 1) / 2 pairs that are left out for equal rewards, in 0...1.
  public let tiedPairFraction: Double
  /// Share of the untied pairs that count with their clipped loss, in 0...1.
  public let clippedPairFraction: Double
  /// Share of trajectories and steps with |delta_it| of the clip range or more, in 0...1.
  public let clipFraction: Double

  /// The objective at any optimiser step of an epoch.
  ///
  /// - Parameters:
  ///   - logProbabilities: l, under the policy being trained: [B][S].
  ///   - old: l_old, under the policy that drew the trajectories: [B][S].
  ///   - reference: l_ref, under the pre-trained policy: [B][S].
  ///   - rewards: r, raw, `nil` where it is not known: [B], B at least 2.
  /// - Throws: `PRDPError` if a reward or a log-probability is not finite.
  public init(
    logProbabilities: StepMatrix, old: StepMatrix, reference: StepMatrix, rewards: [Double?],
    configuration: PRDPConfiguration
  ) throws(PRDPError) {
    try Self.check(logProbabilities, old: old, reference: reference, rewards: rewards)
    let trajectories = rewards.indices
    let steps = 0..<old.stepCount
    let clipRange = configuration.clips ? configuration.clipRange : .infinity
    let deltas = StepMatrix(trajectoryCount: rewards.count, stepCount: steps.count) { i, t in
      logProbabilities[i, t] - old[i, t]
    }
    func clipped(_ delta: Double) -> Double { min(max(delta, -clipRange), clipRange) }
    func meanOverSteps(_ term: (Int) -> Double) -> Double {
      steps.reduce(0) { $0 + term($1) } / Double(steps.count)
    }

    let u = trajectories.map { i in
      meanOverSteps { t in logProbabilities[i, t] - reference[i, t] }
    }
    let v = trajectories.map { i in
      meanOverSteps { t in old[i, t] - reference[i, t] + clipped(deltas[i, t]) }
    }
    // u - v, from the small deltas alone.
    let clippedAway = trajectories.map { i in
      meanOverSteps { t in deltas[i, t] - clipped(deltas[i, t]) }
    }
    let pairs = Self.sumsOverUntiedPairs(
      u: u, v: v, clippedAway: clippedAway, rewards: rewards, beta: configuration.beta)

    // Without a pair all sums are 0, and so is what the prompt contributes.
    let perPair = 1 / Double(max(pairs.count, 1))
    let isInside = StepMatrix(trajectoryCount: rewards.count, stepCount: steps.count) { i, t in
      abs(deltas[i, t]) < clipRange ? 1 : 0
    }
    self.loss = pairs.loss * perPair
    self.deltas = deltas
    self.weights = StepMatrix(trajectoryCount: rewards.count, stepCount: steps.count) { i, t in
      2 * perPair * (pairs.g[i] + pairs.h[i] * isInside[i, t]) / Double(steps.count)
    }
    self.logRatios = u
    let pairCount = rewards.count * (rewards.count - 1) / 2
    self.untiedPairCount = pairs.count
    self.tiedPairFraction = Double(pairs.tiedCount) / Double(pairCount)
    self.clippedPairFraction = Double(pairs.clippedCount) * perPair
    self.clipFraction = 1 - isInside.values.reduce(0, +) / Double(isInside.values.count)
  }

  /// The objective at the first optimiser step of an epoch, where the trained policy still is the
  /// old one: delta is 0, nothing is clipped, and the trajectories' own log-probabilities suffice.
  ///
  /// - Throws: `PRDPError` if a reward or a log-probability is not finite.
  public init(
    firstStepWithOld old: StepMatrix, reference: StepMatrix, rewards: [Double?],
    configuration: PRDPConfiguration
  ) throws(PRDPError) {
    try self.init(
      logProbabilities: old, old: old, reference: reference, rewards: rewards,
      configuration: configuration)
  }

  /// Sums over the pairs with r_i != r_j, both known.
  private struct PairSums {
    /// The sum of max(e_ij^2, ec_ij^2).
    var loss = 0.0
    /// M/2 g_i, the sums of s_ij e_ij over j: [B].
    var g: [Double]
    /// M/2 h_i, the sums of (1 - s_ij) ec_ij over j: [B].
    var h: [Double]
    /// M.
    var count = 0
    /// The pairs with s_ij = 0.
    var clippedCount = 0
    /// The pairs with r_i = r_j.
    var tiedCount = 0
  }

  /// Compares every two trajectories whose rewards are known and differ.
  ///
  /// - Parameter clippedAway: u_i - v_i: [B].
  private static func sumsOverUntiedPairs(
    u: [Double], v: [Double], clippedAway: [Double], rewards: [Double?], beta: Double
  ) -> PairSums {
    let zeros = [Double](repeating: 0, count: rewards.count)
    var sums = PairSums(g: zeros, h: zeros)
    let known = rewards.enumerated().compactMap { i, reward in reward.map { (i, $0) } }
    for (place, (i, reward)) in known.enumerated() {
      for (j, other) in known[(place + 1)...] {
        guard reward != other else {
          sums.tiedCount += 1
          continue
        }
        let target = (reward - other) / beta
        let e = u[i] - u[j] - target
        let ec = v[i] - v[j] - target
        // e^2 >= ec^2, without the difference of two squares: next to a target of 1e4 a delta of
        // 1e-6 would be lost in it.
        if (clippedAway[i] - clippedAway[j]) * (e + ec) >= 0 {
          sums.loss += e * e
          sums.g[i] += e
          sums.g[j] -= e
        } else {
          sums.loss += ec * ec
          sums.h[i] += ec
          sums.h[j] -= ec
          sums.clippedCount += 1
        }
        sums.count += 1
      }
    }
    return sums
  }

  private static func check(
    _ logProbabilities: StepMatrix, old: StepMatrix, reference: StepMatrix, rewards: [Double?]
  ) throws(PRDPError) {
    precondition(rewards.count >= 2 && old.stepCount >= 1, "a loss needs a pair and a step")
    for matrix in [logProbabilities, old, reference] {
      precondition(
        matrix.trajectoryCount == rewards.count && matrix.stepCount == old.stepCount,
        "log-probabilities must be [B][S] for every policy, and rewards [B]")
    }
    for (trajectory, reward) in rewards.enumerated() {
      guard let reward, !reward.isFinite else { continue }
      throw .rewardNotFinite(trajectory: trajectory, value: "\(reward)")
    }
    try logProbabilities.checkFinite(policy: "trained")
    try old.checkFinite(policy: "old")
    try reference.checkFinite(policy: "reference")
  }
}

extension StepMatrix {
  /// Refuses log-probabilities that are not finite.
  func checkFinite(policy: String) throws(PRDPError) {
    guard let wrong = values.firstIndex(where: { !$0.isFinite }) else { return }
    throw .logProbabilityNotFinite(
      policy: policy, trajectory: wrong / stepCount, step: wrong % stepCount,
      value: "\(values[wrong])")
  }
}
