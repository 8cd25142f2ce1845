extension RunConfiguration {
  /// What an evaluation measures: the mean of a reward over a set of prompts.
  public struct Measure: Sendable, Equatable {
    /// The set's name.
    public let set: String
    /// The reward's name, that of a trained or of a held-out one.
    public let reward: String

    /// Reads `set/reward`; `nil` where it is not written so.
    init?(_ text: String) {
      let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
      guard parts.count == 2, parts.allSatisfy(\.isName) else { return nil }
      (set, reward) = (parts[0], parts[1])
    }
  }
}

extension RunConfiguration {
  /// Whether the best checkpoint is where ``Checkpoint/bestMeasure`` is lowest: a trained reward with a
  /// negative weight is to fall.
  public var isLowestBest: Bool {
    rewards.contains { $0.name == checkpoint.bestMeasure?.reward && $0.weight < 0 }
  }
}

extension RunConfiguration.Checkpoint {
  /// What decides on the best checkpoint; `nil` where none is asked for.
  public var bestMeasure: RunConfiguration.Measure? { best.flatMap(RunConfiguration.Measure.init) }
}
