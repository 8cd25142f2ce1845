/// What the rewards say of a set of prompts on average.
struct EvaluationResult: Codable, Equatable {
  let set: String
  /// The weighted sum that is trained on.
  let reward: Double
  let standardError: Double
  /// The images, those without a score included.
  let count: Int
  /// Each reward, trained or held out, by its name; without those that lack too many scores. `nil`
  /// where an earlier release saved it.
  var rewards: [String: RewardMean]?

  /// The weighted sum that is trained on.
  var trained: RewardMean { RewardMean(mean: reward, standardError: standardError) }
}
