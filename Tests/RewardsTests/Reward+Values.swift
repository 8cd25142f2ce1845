import Images
import Rewards
import Testing

extension Reward {
  /// The scores of pictures of which none is missing.
  func values(_ images: [Image], prompts: [String]) throws -> [Double] {
    try score(images, prompts: prompts).map { try #require($0.value) }
  }
}
