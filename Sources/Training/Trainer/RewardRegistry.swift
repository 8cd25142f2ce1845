import ClusterConfiguration
import Rewards
import Scenes

/// Makes the rewards that a configuration asks for.
enum RewardRegistry {
  /// The weighted sum of them.
  ///
  /// - Throws: `RewardError`, and what their kinds throw.
  static func reward(_ terms: [RunConfiguration.Reward]) throws -> WeightedReward {
    try WeightedReward(terms.map { .init(try reward($0), weight: $0.weight) })
  }

  private static func reward(_ term: RunConfiguration.Reward) throws -> any Reward {
    switch term.kind {
    case .sceneAlignment: SceneAlignmentReward(name: term.name)
    case .sceneCorrect: SceneCorrectReward(name: term.name)
    }
  }
}
