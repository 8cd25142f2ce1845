import Diffusion

/// The settings of the method itself.
public struct PRDPConfiguration: Sendable, Equatable {
  /// KL weight, above 0: rewards are divided by it. Its unit is reward per unit of log-ratio, so it
  /// goes with `reduction`.
  public let beta: Double
  /// How far a step's log-ratio may move from the old policy's before it is clipped, above 0, in
  /// the unit of `reduction`.
  public let clipRange: Double
  /// Whether anything is clipped: without, training is not stable.
  public let clips: Bool
  /// How the log-probabilities of latent elements become one number.
  public let reduction: LogProbabilityReduction
  /// Sampling steps at the clean end that stay out of the loss, 0 or more. With few steps one of
  /// them has nearly all of the gradient.
  public let omittedLastStepCount: Int

  /// Settings that have been checked.
  ///
  /// - Throws: `PRDPError.invalidValue` for a value out of range.
  public init(
    beta: Double, clipRange: Double, clips: Bool = true, reduction: LogProbabilityReduction,
    omittedLastStepCount: Int
  ) throws(PRDPError) {
    for (name, value) in [("beta", beta), ("clipRange", clipRange)]
    where !(value > 0 && value.isFinite) {
      throw .invalidValue(name: name, expected: "above 0 and finite", actual: "\(value)")
    }
    guard omittedLastStepCount >= 0 else {
      throw .invalidValue(
        name: "omitLastSteps", expected: "0 or more", actual: "\(omittedLastStepCount)")
    }
    self.beta = beta
    self.clipRange = clipRange
    self.clips = clips
    self.reduction = reduction
    self.omittedLastStepCount = omittedLastStepCount
  }

  /// The steps of a plan that enter the loss, as indices into `plan.steps`, in their order: those
  /// that have a log-probability and are not among the last `omittedLastStepCount`.
  ///
  /// - Throws: `PRDPError.nothingToTrain` if there is none.
  public func trainedStepIndices(of plan: SamplingPlan) throws(PRDPError) -> [Int] {
    let indices = plan.steps.indices.dropLast(omittedLastStepCount).filter {
      plan.steps[$0].hasLogProbability
    }
    guard !indices.isEmpty else {
      throw .nothingToTrain(
        stepCount: plan.steps.count, omittedLastStepCount: omittedLastStepCount)
    }
    return indices
  }
}
