import Images

/// A measure of how well pictures do what their prompts ask.
public protocol Reward: Sendable {
  /// The name in the configuration, in logs and in error messages.
  var name: String { get }

  /// Refuses a prompt that cannot be judged, whatever the picture: called for every prompt before
  /// a run.
  ///
  /// - Throws: What the prompt lacks.
  func check(prompt: String) throws

  /// One finite score for each picture, the higher the better.
  ///
  /// - Parameters:
  ///   - images: The pictures.
  ///   - prompts: The prompt of each picture, as many as pictures.
  /// - Throws: Where a picture or a prompt cannot be scored.
  func score(_ images: [Image], prompts: [String]) throws -> [Double]
}

extension Reward {
  /// Takes every prompt.
  public func check(prompt: String) throws {}
}
