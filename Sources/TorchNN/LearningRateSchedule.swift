import Foundation

/// A factor on the learning rate as a function of the optimizer step.
public enum LearningRateSchedule: Sendable {
  /// Rises linearly over the first `warmupSteps` steps, then stays 1.
  case constant(warmupSteps: Int)
  /// Rises linearly, then falls along half a cosine to 0 at `totalSteps`.
  case cosine(warmupSteps: Int, totalSteps: Int)

  /// The factor of step `step`, which counts from 0.
  public func factor(at step: Int) -> Double {
    switch self {
    case .constant(let warmupSteps):
      return step < warmupSteps ? Double(step + 1) / Double(warmupSteps + 1) : 1
    case .cosine(let warmupSteps, let totalSteps):
      if step < warmupSteps { return Double(step + 1) / Double(warmupSteps + 1) }
      let progress = Double(step - warmupSteps) / Double(max(1, totalSteps - warmupSteps))
      return 0.5 * (1 + cos(.pi * min(1, progress)))
    }
  }
}
