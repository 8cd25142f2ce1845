import MPI
import PRDP

/// What DDPO learns from in place of rewards.
extension Trainer {
  /// The greatest size of an advantage.
  ///
  /// - Source: kvablack/ddpo-pytorch, config/base.py, `train.adv_clip_max`.
  private static let advantageLimit = 5.0

  /// Notes the advantages of the trajectories in flight; none with PRDP. Collective.
  ///
  /// - Returns: The rewards of each prompt with those of this epoch, where they are kept.
  func findAdvantages() throws -> RewardHistory? {
    let method = configuration.method
    guard method.name == .ddpo else { return nil }
    switch method.advantages {
    case .prompt:
      for place in inFlight.indices {
        let rewards = inFlight[place].rewards
        let scale = RewardScale(rewards.compactMap(\.self))
        inFlight[place].advantages = rewards.map {
          $0.map { scale.advantage(of: $0, limit: Self.advantageLimit) }
        }
      }
      return nil
    case .history:
      let rewards = try gatherRows(
        inFlight.map(\.rewards.withNaN), width: method.imagesPerPrompt,
        promptCount: method.promptsPerEpoch, share, communicator
      ).map { [Double?](withNaN: $0) }
      let first = state.epoch * method.promptsPerEpoch
      let indices = (first..<first + method.promptsPerEpoch).map(prompts.index(at:))
      var history = state.rewardHistory ?? RewardHistory()
      history.append(rewards, prompts: indices)
      let advantages = history.advantages(
        of: rewards, prompts: indices, limit: Self.advantageLimit)
      for (place, row) in zip(inFlight.indices, share.range) {
        inFlight[place].advantages = advantages[row]
      }
      return history
    }
  }

  /// Refuses what has no meaning with DDPO.
  ///
  /// - Throws: `AgreedFailure`.
  func requirePRDP(for what: String) throws {
    try communicator.agreed {
      guard configuration.method.name == .prdp else {
        throw TrainingError(
          "method.name", expected: "prdp, for \(what)",
          found: configuration.method.name.rawValue)
      }
    }
  }
}
