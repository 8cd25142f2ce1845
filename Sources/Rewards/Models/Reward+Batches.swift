import Images

extension Reward {
  /// Refuses other numbers of prompts than of pictures.
  func requirePromptEach(_ images: [Image], _ prompts: [String]) throws {
    guard images.count == prompts.count else {
      throw RewardError.promptCount(
        reward: name, imageCount: images.count, promptCount: prompts.count)
    }
  }
}

extension [Double] {
  /// What a network computed, as scores: half precision has no numbers for what is very large.
  var scores: [Score] {
    map { $0.isFinite ? .value($0) : .missing(reason: "its network computed \($0)") }
  }
}

extension Array {
  /// The indices in runs of `size`, of which the last may be shorter.
  func batches(of size: Int) -> [Range<Int>] {
    stride(from: 0, to: count, by: size).map { $0..<Swift.min($0 + size, count) }
  }
}
