/// What a reward says of some images on average.
struct RewardMean: Codable, Equatable {
  let mean: Double
  /// Of the mean; 0 for one image.
  let standardError: Double

  /// Of `scores`, of which there must be one at least.
  init(of scores: [Double]) {
    precondition(!scores.isEmpty, "nothing has no mean")
    mean = scores.reduce(0, +) / Double(scores.count)
    standardError = Self.standardError(of: scores, around: mean) ?? 0
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

  /// The standard error of the mean of some independent numbers; `nil` for less than two.
  static func standardError(of values: [Double], around mean: Double) -> Double? {
    guard values.count > 1 else { return nil }
    let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    return (squares / Double(values.count - 1) / Double(values.count)).squareRoot()
  }
}
