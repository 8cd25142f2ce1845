import ClusterConfiguration
import Images
import Rewards
import Scenes

/// The rewards that a configuration can name.
enum RewardRegistry {
  private static let rewards: [any Reward] = [SceneAlignmentReward(), SceneCorrectReward()]

  /// The weighted sum that the terms of a configuration ask for.
  ///
  /// - Throws: ``TrainingError`` for a name that is not known; `RewardError`.
  static func reward(_ terms: [RunConfiguration.Reward]) throws -> WeightedReward {
    try WeightedReward(
      terms.map { term in
        guard let reward = rewards.first(where: { $0.name == term.name }) else {
          throw TrainingError(
            "rewards", expected: "one of \(rewards.map(\.name).joined(separator: ", "))",
            found: term.name)
        }
        return WeightedReward.Term(reward, weight: term.weight)
      })
  }

  /// Scores a blank image for some prompts, so that prompts which a reward cannot judge are found
  /// before a run and not within it.
  static func check(_ reward: WeightedReward, on prompts: [String]) throws {
    let side = SceneRenderer.side
    let blank = Image(
      width: side, height: side, pixels: Array(repeating: 127, count: side * side * 3))
    _ = try reward.score(prompts.map { _ in blank }, prompts: prompts)
  }
}
