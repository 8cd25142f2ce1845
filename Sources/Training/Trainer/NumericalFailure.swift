import MPI
import PRDP

/// Numbers with which training must not go on. The same on all ranks, or agreed by them.
enum NumericalFailure: Error, Equatable, CustomStringConvertible {
  /// The averaged gradient has a norm that is NaN or infinite.
  case gradient(norm: String, step: Int)
  /// The KL divergence from the reference policy is NaN or infinite.
  case kl(value: String, epoch: Int)
  /// The weights, or what the policy makes of them, are not all finite.
  case policy(step: Int)
  /// A trajectory's log-probability in training is not the one in sampling.
  case replay(
    difference: String, tolerance: Double, prompt: String, trajectory: Int, step: Int)
  /// A check of the debug mode found a figure beyond its limit.
  case check(name: String, figure: String, limit: String)

  /// What happened, and what to do.
  var description: String {
    switch self {
    case .gradient(let norm, let step):
      return "the norm of the gradient of step \(step) is \(norm); the weights are those of the "
        + "step before: lower optimizer.learningRate, or set method.klLimit"
    case .kl(let value, let epoch):
      return "the KL divergence from the reference policy is \(value) in epoch \(epoch): set "
        + "method.klLimit and go on from an earlier checkpoint, or start a new run with a lower "
        + "optimizer.learningRate"
    case .policy(let step):
      return "after step \(step) the policy's predictions are not finite, so it is not saved: set "
        + "method.klLimit and go on from an earlier checkpoint, or start a new run with a lower "
        + "optimizer.learningRate"
    case .replay(let difference, let tolerance, let prompt, let trajectory, let step):
      return "before the first update of an epoch, the log-probability of image \(trajectory) of "
        + "\"\(prompt)\" at sampling step \(step) differs by \(difference) between sampling and "
        + "training; at most a tenth of method.clipRange, \(tolerance), is allowed: with a "
        + "model.dtype other than float32 set method.microBatch to method.imagesPerPrompt, so that "
        + "both compute in the same batches; else a larger method.clipRange or omitLastSteps"
    case .check(let name, let figure, let limit):
      return "the check \"\(name)\" gave \(figure), and at most \(limit) is allowed: the numbers "
        + "of such a run cannot be trusted; repeat it with cluster.device=cpu to tell a device's "
        + "fault from the program's"
    }
  }
}

extension NumericalFailure: ExitStatusError {
  /// A start from the same place would fail again.
  public var exitStatus: UInt8? { 3 }
}

extension PRDPError: ExitStatusError {
  /// 3 for numbers that are not finite, 2 for settings.
  public var exitStatus: UInt8? {
    switch self {
    case .rewardNotFinite, .logProbabilityNotFinite: 3
    case .invalidValue, .nothingToTrain, .cannotCalibrate: 2
    }
  }
}
