/// Numbers with which training must not go on. The same on all ranks, or agreed by them.
public enum NumericalFailure: Error, Equatable, CustomStringConvertible {
  /// The averaged gradient has a norm that is NaN or infinite.
  case gradient(norm: String, step: Int)
  /// A trajectory's log-probability in training is not the one in sampling.
  case replay(
    difference: String, tolerance: Double, prompt: String, trajectory: Int, step: Int)
  /// A check of the debug mode found a figure beyond its limit.
  case check(name: String, figure: String, limit: String)

  /// What happened, and what to do.
  public var description: String {
    switch self {
    case .gradient(let norm, let step):
      return "the norm of the gradient of step \(step) is \(norm); the weights are those of the "
        + "step before: lower optimizer.learningRate, or set method.klLimit"
    case .replay(let difference, let tolerance, let prompt, let trajectory, let step):
      return "before the first update of an epoch, the log-probability of image \(trajectory) of "
        + "\"\(prompt)\" at sampling step \(step) differs by \(difference) between sampling and "
        + "training; at most a tenth of method.clipRange, \(tolerance), is allowed: use float32, "
        + "a larger method.clipRange, or a larger method.omitLastSteps"
    case .check(let name, let figure, let limit):
      return "the check \"\(name)\" gave \(figure), and at most \(limit) is allowed: the numbers "
        + "of such a run cannot be trusted; repeat it with cluster.device=cpu to tell a device's "
        + "fault from the program's"
    }
  }
}
