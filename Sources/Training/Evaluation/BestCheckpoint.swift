import ClusterConfiguration

/// The step at which an evaluation found `checkpoint.best` highest, or lowest of a reward that is to fall.
struct BestCheckpoint: Codable, Equatable {
  /// As the configuration has it: `unseen/pickscore`.
  let measure: String
  /// Optimiser steps taken.
  let step: Int
  /// The mean of the reward.
  let value: Double

  /// What an evaluation after `step` steps found; `nil` where nothing is asked for, or it lacked too
  /// many scores.
  init?(_ results: [EvaluationResult], of checkpoint: RunConfiguration.Checkpoint, step: Int) {
    guard let text = checkpoint.best, let measure = checkpoint.bestMeasure,
      let result = results.first(where: { $0.set == measure.set }),
      let value = result.rewards?[measure.reward]?.mean
    else { return nil }
    (self.measure, self.step, self.value) = (text, step, value)
  }

  /// Whether this is better than `other`, or what that measured is not asked for any more.
  func replaces(_ other: Self?, isLowestBest: Bool) -> Bool {
    guard let other, other.measure == measure else { return true }
    return isLowestBest ? value < other.value : value > other.value
  }
}
