import Images

/// The weighted sum of several rewards, which keeps what each of them says.
public struct WeightedReward: Sendable {
  /// One reward and its factor in the sum.
  public struct Term: Sendable {
    /// The reward.
    public let reward: any Reward
    /// Its factor: finite, of either sign; 0 where it is only watched.
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

  /// What every term says of each picture, and the weighted sums.
  ///
  /// - Parameter ask: Asks a term's reward.
  /// - Throws: `RewardError` where the counts differ or a score or a sum is not finite, and what the
  ///   rewards themselves throw.
  public func scores(
    of images: [Image], prompts: [String],
    ask: (_ reward: any Reward, _ images: [Image], _ prompts: [String]) throws -> [Score] = {
      try $0.score($1, prompts: $2)
    }
  ) throws -> WeightedScores {
    guard images.count == prompts.count else {
      throw RewardError.promptCount(
        reward: name, imageCount: images.count, promptCount: prompts.count)
    }
    let components = try terms.map { term in
      let scores = try ask(term.reward, images, prompts)
      try check(scores.map(\.value), of: term.reward.name, prompts: prompts)
      return scores
    }
    let scores = WeightedScores(components: components, weights: terms.map(\.weight))
    // Finite terms can still overflow in the sum.
    try check(scores.sums, of: name, prompts: prompts)
    return scores
  }

  private func check(_ scores: [Double?], of reward: String, prompts: [String]) throws {
    guard scores.count == prompts.count else {
      throw RewardError.scoreCount(
        reward: reward, imageCount: prompts.count, scoreCount: scores.count)
    }
    for (index, score) in scores.enumerated() {
      guard let score, !score.isFinite else { continue }
      throw RewardError.scoreNotFinite(
        reward: reward, imageIndex: index, prompt: prompts[index], score: score)
    }
  }
}

/// What the terms of a weighted sum say of some pictures.
public struct WeightedScores: Sendable, Equatable {
  /// The scores by each term, raw: [terms][pictures].
  public let components: [[Score]]
  /// The weighted sum of each picture; `nil` where a score with a weight is missing: [pictures].
  public let sums: [Double?]

  /// Sums `components`, [terms][pictures], by the terms' weights, in the terms' order.
  public init(components: [[Score]], weights: [Double]) {
    self.components = components
    sums = (components.first ?? []).indices.map { picture in
      zip(components, weights).reduce(Double?(0)) { sum, term in
        // What is only watched has no part in the sum, nor has its absence.
        guard let sum, term.1 != 0 else { return sum }
        return term.0[picture].value.map { sum + term.1 * $0 }
      }
    }
  }
}
