import Images

/// How small or how large pictures are as JPEG files of quality 95, in kilobytes of 1000 bytes: the
/// rewards with which DDPO shows that any function of a picture will do.
///
/// - Source: Black et al., arXiv 2305.13301; kvablack/ddpo-pytorch, rewards.py,
///   `jpeg_compressibility` and `jpeg_incompressibility`.
public struct JPEGSizeReward: Reward {
  /// What is asked for.
  public enum Goal: String, Sendable, CaseIterable {
    /// Small files: the score is the size times -1.
    case compressibility = "jpeg-compressibility"
    /// Large files: the score is the size.
    case incompressibility = "jpeg-incompressibility"
  }

  /// What is asked for.
  public let goal: Goal
  /// What it is called in metrics.
  public let name: String

  /// The reward, called after its goal where no name is given; it has no settings.
  public init(_ goal: Goal, name: String? = nil) {
    self.goal = goal
    self.name = name ?? goal.rawValue
  }

  /// One score for each picture; prompts do not matter.
  ///
  /// - Throws: `RewardError.promptCount`, and `ImageError` where a picture cannot be encoded.
  public func score(_ images: [Image], prompts: [String]) throws -> [Score] {
    try requirePromptEach(images, prompts)
    let sign: Double = goal == .compressibility ? -1 : 1
    return try images.map { .value(sign * Double(try $0.jpegData(quality: 95).count) / 1000) }
  }
}
