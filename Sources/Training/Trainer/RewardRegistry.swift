import ClusterConfiguration
import Rewards
import Scenes

/// The rewards that a configuration can name.
public enum RewardRegistry {
  private static let rewards: [any Reward] = [SceneAlignmentReward(), SceneCorrectReward()]

  /// The names by which a configuration asks for them.
  public static var names: [String] { rewards.map(\.name) }

  /// The weighted sum that the terms of a configuration ask for.
  ///
  /// - Throws: ``TrainingError`` for a name that is not known; `RewardError`.
  static func reward(_ terms: [RunConfiguration.Reward]) throws -> WeightedReward {
    try WeightedReward(
      terms.map { term in
        guard let reward = rewards.first(where: { $0.name == term.name }) else {
          throw TrainingError(
            "rewards", expected: "one of \(names.joined(separator: ", "))",
            found: term.name)
        }
        return WeightedReward.Term(reward, weight: term.weight)
      })
  }
}
