import Images

/// The weighted sum of several rewards.
public struct WeightedReward: Reward {
  /// One reward and its factor in the sum.
  public struct Term: Sendable {
    /// The reward.
    public let reward: any Reward
    /// Its factor: finite, of either sign.
    public let weight: Double

    /// One reward and its factor in the sum.
    public init(_ reward: any Reward, weight: Double) {
      self.reward = reward
      self.weight = weight
    }
  }

  /// The terms as a sum, such as `10.0 * pick-score + 0.05 * aesthetic`.
  public let name: String
  /// The terms, in the order given.
  public let terms: [Term]

  /// The sum of `terms`.
  ///
  /// - Throws: `RewardError` where there are none, a name repeats or a weight is not finite.
  public init(_ terms: [Term]) throws {
    guard !terms.isEmpty else { throw RewardError.noTerms }
    var names: Set<String> = []
    for term in terms {
      guard names.insert(term.reward.name).inserted else {
        throw RewardError.repeatedName(term.reward.name)
      }
      guard term.weight.isFinite else {
        throw RewardError.weightNotFinite(reward: term.reward.name, weight: term.weight)
      }
    }
    self.terms = terms
    name = terms.map { "\($0.weight) * \($0.reward.name)" }.joined(separator: " + ")
  }

  /// Refuses a prompt that any of the terms refuses.
  public func check(prompt: String) throws {
    for term in terms { try term.reward.check(prompt: prompt) }
  }

  /// The weighted sum for each picture.
  ///
  /// - Throws: `RewardError` where the counts differ or a reward or the sum is not finite, and what
  ///   the rewards themselves throw.
  public func score(_ images: [Image], prompts: [String]) throws -> [Double] {
    guard images.count == prompts.count else {
      throw RewardError.promptCount(
        reward: name, imageCount: images.count, promptCount: prompts.count)
    }
    var sums = [Double](repeating: 0, count: images.count)
    for term in terms {
      let scores = try term.reward.score(images, prompts: prompts)
      try check(scores, of: term.reward.name, prompts: prompts)
      for index in sums.indices {
        sums[index] += term.weight * scores[index]
      }
    }
    // Finite terms can still overflow in the sum.
    try check(sums, of: name, prompts: prompts)
    return sums
  }

  private func check(_ scores: [Double], of reward: String, prompts: [String]) throws {
    guard scores.count == prompts.count else {
      throw RewardError.scoreCount(
        reward: reward, imageCount: prompts.count, scoreCount: scores.count)
    }
    for (index, score) in scores.enumerated() where !score.isFinite {
      throw RewardError.scoreNotFinite(
        reward: reward, imageIndex: index, prompt: prompts[index], score: score)
    }
  }
}
