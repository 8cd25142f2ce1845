import Images

/// A reward whose every answer costs: a service, or a program of the user's.
///
/// What comes of each attempt is told at once: an answer can be kept and need not be asked for again.
public protocol PaidReward: Reward {
  /// Tells this reward from others: equal texts, equal scores of equal pictures and prompts.
  var identity: String { get }

  /// A score for each picture, as ``Reward/score(_:prompts:)`` gives it.
  ///
  /// - Parameter onAttempt: Is told of every attempt, by any thread, before this function returns or
  ///   throws: which of the pictures it is about, and what came of it.
  func score(
    _ images: [Image], prompts: [String],
    onAttempt: @escaping @Sendable (_ indices: Range<Int>, ScoringAttempt) -> Void
  ) throws -> [Score]
}

/// What came of asking once.
public enum ScoringAttempt: Sendable, Equatable {
  /// Scores, and the seconds that the answer took.
  case answered([Score], seconds: Double)
  /// No answer, or none that is one; it may be asked again.
  case failed(reason: String)
}

extension PaidReward {
  /// A score for each picture.
  public func score(_ images: [Image], prompts: [String]) throws -> [Score] {
    try score(images, prompts: prompts) { _, _ in }
  }
}
