import Images

/// A reward whose every answer costs: a service, or a program of the user's.
///
/// What was answered is told at once, so that it can be kept and need not be asked for again.
public protocol PaidReward: Reward {
  /// Tells this reward from others: equal texts, equal scores of equal pictures and prompts.
  var identity: String { get }

  /// A score for each picture, as ``Reward/score(_:prompts:)`` gives it.
  ///
  /// - Parameter onAnswer: Is told of every answer, by any thread, before this function returns or
  ///   throws: which of the pictures it is about, their scores, and the seconds that it took.
  func score(
    _ images: [Image], prompts: [String],
    onAnswer:
      @escaping @Sendable (_ indices: Range<Int>, _ scores: [Score], _ seconds: Double) ->
      Void
  ) throws -> [Score]
}

extension PaidReward {
  /// A score for each picture.
  public func score(_ images: [Image], prompts: [String]) throws -> [Score] {
    try score(images, prompts: prompts) { _, _, _ in }
  }
}
