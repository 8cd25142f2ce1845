/// The rewards that each prompt of a run had last, by which DDPO normalises them.
///
/// - Source: kvablack/ddpo-pytorch, ddpo_pytorch/stat_tracking.py.
public struct RewardHistory: Codable, Sendable, Equatable {
  /// The most rewards that are kept of a prompt.
  public static let capacity = 32
  /// A prompt with fewer is normalised by the epoch's mean and deviation.
  public static let leastCount = 16

  /// The newest rewards of each prompt, by its index, the oldest first.
  private var rewards: [Int: [Double]] = [:]

  /// A history of nothing.
  public init() {}

  /// Adds an epoch's rewards.
  ///
  /// - Parameters:
  ///   - rewards: Of each of the epoch's prompts, `nil` for a missing score: [N][B].
  ///   - prompts: The index of each of them: [N]. One may come twice.
  public mutating func append(_ rewards: [[Double?]], prompts: [Int]) {
    precondition(rewards.count == prompts.count, "each prompt of the epoch has its rewards")
    for (values, prompt) in zip(rewards, prompts) {
      let all = self.rewards[prompt, default: []] + values.compactMap(\.self)
      self.rewards[prompt] = all.suffix(Self.capacity)
    }
  }

  /// The advantages of an epoch whose rewards are in the history already.
  ///
  /// - Parameters:
  ///   - rewards: As they were added: [N][B].
  ///   - prompts: As they were added: [N].
  ///   - limit: The advantages' greatest size.
  /// - Returns: [N][B], `nil` where the score is missing.
  public func advantages(of rewards: [[Double?]], prompts: [Int], limit: Double) -> [[Double?]] {
    let epoch = RewardScale(rewards.joined().compactMap(\.self))
    return zip(rewards, prompts).map { values, prompt in
      let own = self.rewards[prompt] ?? []
      let scale = own.count < Self.leastCount ? epoch : RewardScale(own)
      return values.map { $0.map { scale.advantage(of: $0, limit: limit) } }
    }
  }
}

/// The mean and deviation that turn rewards into advantages.
public struct RewardScale: Sendable, Equatable {
  /// Of all of the rewards, 0 for none.
  public let mean: Double
  /// Of all of them as a population.
  public let deviation: Double

  /// Keeps equal rewards from being divided by 0.
  static let smallestDeviation = 1e-6

  /// The mean and the deviation of some rewards.
  public init(_ rewards: [Double]) {
    let count = Double(max(1, rewards.count))
    let mean = rewards.reduce(0, +) / count
    self.mean = mean
    deviation = (rewards.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / count).squareRoot()
  }

  /// How many deviations a reward lies above the mean, at most `limit` either way.
  public func advantage(of reward: Double, limit: Double) -> Double {
    min(max((reward - mean) / (deviation + Self.smallestDeviation), -limit), limit)
  }
}
