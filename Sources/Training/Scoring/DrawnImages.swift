import Images
import Rewards

/// Some images with their prompts, and where they have their place.
struct DrawnImages: Sendable {
  let images: [Image]
  let prompts: [String]
  let places: [ImagePlace]
}

extension WeightedReward {
  /// What every term says of images, where rewards that cost are asked only for what a ledger does not
  /// hold.
  ///
  /// - Parameter onAttempt: Is told of each attempt at an answer, by any thread.
  /// - Throws: As ``WeightedReward/scores(of:prompts:ask:)``.
  func scores(
    of drawn: DrawnImages, keptIn ledger: ScoreLedger?,
    onAttempt: @escaping @Sendable () -> Void = {}
  ) throws -> WeightedScores {
    try scores(of: drawn.images, prompts: drawn.prompts) { reward, images, prompts in
      guard let paid = reward as? any PaidReward else {
        return try reward.score(images, prompts: prompts)
      }
      guard let ledger else {
        return try paid.score(images, prompts: prompts) { _, _ in onAttempt() }
      }
      return try ledger.scores(
        of: images, prompts: prompts, places: drawn.places, by: paid, onAttempt: onAttempt)
    }
  }
}
