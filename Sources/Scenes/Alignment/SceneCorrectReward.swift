import Images
import Rewards

/// Whether a picture shows the scene that its prompt asks for: 1 or 0, with nothing in between.
///
/// The verdict of a checker, as used where answers are right or wrong. Most pairs of pictures are
/// tied by it.
public struct SceneCorrectReward: Reward {
  /// `scene-correct` where no other is given.
  public let name: String
  private let alignment = SceneAlignmentReward()

  /// The least `scene-alignment` of a picture that counts as correct. True renderings have 0.98 or
  /// more even under noise.
  static let leastAlignment = 0.9

  /// The reward; it has no settings.
  public init(name: String = "scene-correct") {
    self.name = name
  }

  /// 1 for each picture with a `scene-alignment` of at least 0.9, and 0 for each other.
  ///
  /// - Throws: `SceneError` where a picture is no square of a multiple of 64 pixels, the counts
  ///   differ or a prompt is no caption of a scene.
  public func score(_ images: [Image], prompts: [String]) throws -> [Score] {
    try alignment.alignments(of: images, prompts: prompts)
      .map { .value($0 >= Self.leastAlignment ? 1 : 0) }
  }
}
