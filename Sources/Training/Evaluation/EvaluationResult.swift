/// What a reward says of some images on average.
struct RewardMean: Codable, Equatable {
  let mean: Double
  let standardError: Double

  /// Of `scores`, of which there must be one at least.
  init(of scores: [Double]) {
    precondition(!scores.isEmpty, "nothing has no mean")
    let mean = scores.reduce(0, +) / Double(scores.count)
    let squares = scores.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    self.mean = mean
    standardError = (squares / Double(max(1, scores.count - 1)) / Double(scores.count)).squareRoot()
  }

  init(mean: Double, standardError: Double) {
    self.mean = mean
    self.standardError = standardError
  }

  /// By how many standard errors of the difference this is above `other`. Where the same noise drew
  /// both, that is fewer than an image-by-image comparison would find.
  func significance(over other: Self) -> Double {
    let difference = mean - other.mean
    guard difference != 0 else { return 0 }
    let error =
      (standardError * standardError + other.standardError * other.standardError).squareRoot()
    return difference / error
  }
}

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
