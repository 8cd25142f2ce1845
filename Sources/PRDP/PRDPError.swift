/// What can go wrong in the method's numbers.
public enum PRDPError: Error, Equatable, CustomStringConvertible {
  /// A setting lies outside its range.
  case invalidValue(name: String, expected: String, actual: String)
  /// A reward is NaN or infinite.
  case rewardNotFinite(trajectory: Int, value: String)
  /// A log-probability is NaN or infinite.
  case logProbabilityNotFinite(policy: String, trajectory: Int, step: Int, value: String)
  /// No time step is left for the loss.
  case nothingToTrain(stepCount: Int, omittedLastStepCount: Int)
  /// The samples cannot tell anything about a setting.
  case cannotCalibrate(reason: String)

  /// What was expected, what came and what to do, in one sentence.
  public var description: String {
    switch self {
    case .invalidValue(let name, let expected, let actual):
      "\(name) must be \(expected), got \(actual)"
    case .rewardNotFinite(let trajectory, let value):
      "the reward of image \(trajectory) of a prompt must be finite, got \(value): "
        + "check the reward model"
    case .logProbabilityNotFinite(let policy, let trajectory, let step, let value):
      "the log-probability under the \(policy) policy of image \(trajectory) of a prompt at trained "
        + "step \(step) must be finite, got \(value): lower the learning rate or use float32"
    case .nothingToTrain(let stepCount, let omittedLastStepCount):
      "no time step is left for the loss: of \(stepCount) sampling steps the last "
        + "\(omittedLastStepCount) are left out, and steps without noise; leave out fewer"
    case .cannotCalibrate(let reason):
      "nothing to calibrate by: \(reason)"
    }
  }
}
