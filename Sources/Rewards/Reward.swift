import Images

/// A measure of how well pictures do what their prompts ask.
///
/// A score, a missing score and an error are three things: a reward that cannot judge one of the
/// pictures says that its score is missing; it throws where it cannot go on at all.
public protocol Reward: Sendable {
  /// The name in logs and in error messages.
  var name: String { get }

  /// Refuses a prompt that cannot be judged, whatever the picture: called for every prompt before
  /// a run.
  ///
  /// - Throws: What the prompt lacks.
  func check(prompt: String) throws

  /// A score for each picture.
  ///
  /// Several threads may ask at once. The same pictures and prompts get the same scores, whatever
  /// else is asked for meanwhile.
  ///
  /// - Parameters:
  ///   - images: The pictures.
  ///   - prompts: The prompt of each picture, as many as pictures.
  /// - Throws: Where the run cannot go on with this reward.
  func score(_ images: [Image], prompts: [String]) throws -> [Score]
}

extension Reward {
  /// Takes every prompt.
  public func check(prompt: String) throws {}
}
