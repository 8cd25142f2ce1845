import Diffusion

/// Suggested settings, from the samples of one epoch and one trial step of the optimiser.
///
/// * **beta.** At the objective's maximiser the log-ratio of a whole trajectory spreads within a
///   prompt as S rewardSpread / beta (S trained steps; the loss has their mean), and the KL is half
///   the square of that, by second order in 1 / beta. So beta = S rewardSpread / sqrt(2 wantedKL).
///   It is the beta whose optimum lies about wantedKL away. The paper's betas are smaller by orders of
///   magnitude: they switch the KL term off and leave it to the number of epochs how far a run goes.
/// * **Learning rate.** A step that moves the mean by m standard deviations changes the
///   log-probability of the old policy's samples by N(-k, 2k) with k = m^2 / 2. Its mean square is
///   2k + k^2, which gives k from the trial and k from wantedLogRatio; m goes with the learning rate,
///   so it is multiplied by the square root of their ratio.
/// * **Clip range.** What a share wantedClipFraction of the |delta_it| exceeds after one step at the
///   suggested learning rate, so that the first of an epoch's K steps leaves most of them unclipped.
public struct Calibration: Sendable, Equatable {
  /// What the suggestions aim at.
  public struct Aims: Sendable, Equatable {
    /// KL from the reference at the optimum, over the trained steps, in nats, above 0.
    public var wantedKL = 50.0
    /// Root mean square of a time step's log-ratio after one optimiser step, in nats, above 0.
    public var wantedLogRatio = 0.1
    /// Share of trajectories and steps clipped after one optimiser step, in 0..<1.
    public var wantedClipFraction = 0.1

    /// The standard aims: 50 nats in the end, a tenth of a nat in each step, a tenth clipped.
    public init() {}
  }

  /// One prompt's samples.
  public struct Samples: Sendable, Equatable {
    /// The rewards of the prompt's images, raw, `nil` where one is not known: [B].
    public let rewards: [Double?]
    /// delta_it, each step's log-ratio of the policy after the trial step to the one before it, under
    /// the run's reduction: [B][S].
    public let logRatios: StepMatrix

    /// One prompt's samples: `rewards` [B] and `logRatios` [B][S].
    public init(rewards: [Double?], logRatios: StepMatrix) {
      precondition(rewards.count == logRatios.trajectoryCount, "rewards [B], log-ratios [B][S]")
      self.rewards = rewards
      self.logRatios = logRatios
    }
  }

  /// Suggested KL weight, for the run's reduction.
  public let beta: Double
  /// Suggested clip range, for the run's reduction.
  public let clipRange: Double
  /// Suggested learning rate.
  public let learningRate: Double
  /// Standard deviation of the reward within a prompt, pooled over the prompts.
  public let rewardSpread: Double
  /// Root mean square of a time step's log-ratio after the trial step, in nats.
  public let trialLogRatio: Double

  /// Suggests settings.
  ///
  /// - Parameters:
  ///   - samples: The prompts of an epoch, at least one with two images whose rewards are known.
  ///   - trialLearningRate: Learning rate of the trial step.
  ///   - reduction: The run's reduction of log-probabilities.
  ///   - latentElementCount: Elements of one latent, D.
  ///   - aims: What the suggestions aim at.
  /// - Throws: `PRDPError.cannotCalibrate` if no prompt has two images with a reward, all rewards
  ///   within each prompt are equal, the trial step moved nothing, or a number is not finite.
  public init(
    samples: [Samples], trialLearningRate: Double, reduction: LogProbabilityReduction,
    latentElementCount: Int, aims: Aims = Aims()
  ) throws(PRDPError) {
    let rewards = samples.map { $0.rewards.compactMap(\.self) }
    let scale = reduction.scale(latentElementCount: latentElementCount)
    let moves = samples.flatMap { $0.logRatios.values.map { abs($0) / scale } }.sorted()
    guard let stepCount = samples.first?.logRatios.stepCount,
      rewards.contains(where: { $0.count > 1 })
    else {
      throw .cannotCalibrate(reason: "no prompt has two images with a score; sample at least two")
    }
    precondition(samples.allSatisfy { $0.logRatios.stepCount == stepCount }, "S differs")
    precondition(
      aims.wantedKL > 0 && aims.wantedLogRatio > 0 && (0..<1).contains(aims.wantedClipFraction),
      "aims out of range")

    let rewardSpread = Self.spreadWithin(rewards)
    let trialLogRatio = (moves.reduce(0) { $0 + $1 * $1 } / Double(moves.count)).squareRoot()
    guard rewardSpread.isFinite, trialLogRatio.isFinite else {
      throw .cannotCalibrate(reason: "a reward or a log-ratio is not finite; check the model")
    }
    guard rewardSpread > 0 else {
      throw .cannotCalibrate(
        reason: "all images of a prompt have the same reward; sample more, or use a finer reward")
    }
    let kept = 1 - aims.wantedClipFraction
    let quantile = moves[Int((kept * Double(moves.count - 1)).rounded())]
    guard trialLogRatio > 0, quantile > 0 else {
      throw .cannotCalibrate(reason: "the trial step moved nothing; raise its learning rate")
    }

    /// k of log-ratios with this root mean square.
    func kl(ofLogRatio rootMeanSquare: Double) -> Double {
      let square = rootMeanSquare * rootMeanSquare
      // (1 + square).squareRoot() - 1, without cancellation.
      return square / ((1 + square).squareRoot() + 1)
    }

    self.beta = Double(stepCount) * rewardSpread / (2 * aims.wantedKL).squareRoot() / scale
    self.learningRate =
      trialLearningRate
      * (kl(ofLogRatio: aims.wantedLogRatio) / kl(ofLogRatio: trialLogRatio)).squareRoot()
    self.clipRange = quantile * aims.wantedLogRatio / trialLogRatio * scale
    self.rewardSpread = rewardSpread
    self.trialLogRatio = trialLogRatio
  }

  /// The standard deviation within groups, pooled with each group's degrees of freedom.
  private static func spreadWithin(_ groups: [[Double]]) -> Double {
    let squares = groups.reduce(0.0) { total, group in
      let mean = group.reduce(0, +) / Double(max(group.count, 1))
      return group.reduce(total) { $0 + ($1 - mean) * ($1 - mean) }
    }
    return (squares / Double(groups.reduce(0) { $0 + max($1.count - 1, 0) })).squareRoot()
  }
}
