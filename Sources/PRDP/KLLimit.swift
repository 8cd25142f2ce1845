/// What a run does about its distance from the reference policy.
public enum KLDecision: Sendable, Equatable {
  /// Go on as before.
  case proceed
  /// Go on with the learning rate times a factor in (0, 1).
  case slow(factor: Double)
  /// End the run.
  case stop
}

/// A bound on the KL divergence from the reference policy. Hundreds of nats under a rising reward
/// are reward hacking or drift of noise.
public struct KLLimit: Sendable, Equatable {
  /// What happens as the KL grows.
  public enum Action: String, Sendable, Codable, CaseIterable {
    /// Full speed up to the limit, and the run ends beyond it.
    case stop
    /// Full speed up to half the limit, then ever slower, down to a hundredth of it at the limit and
    /// beyond: the KL creeps up to the limit and all but stays there.
    case slow
  }

  /// The limit in nats over all time steps, above 0.
  public let nats: Double
  /// What happens as the KL grows.
  public let action: Action

  /// A limit that has been checked.
  ///
  /// - Throws: `PRDPError.invalidValue` unless the limit is above 0.
  public init(nats: Double, action: Action) throws(PRDPError) {
    guard nats > 0, nats.isFinite else {
      throw .invalidValue(name: "klLimit", expected: "above 0 and finite", actual: "\(nats)")
    }
    self.nats = nats
    self.action = action
  }

  /// The decision at a measured KL, in nats over all time steps. A KL that is no number stops
  /// the run under either action.
  public func decision(atKL kl: Double) -> KLDecision {
    guard kl.isFinite else { return .stop }
    switch action {
    case .stop: return kl > nats ? .stop : .proceed
    case .slow:
      let left = 2 * (1 - kl / nats)
      return left >= 1 ? .proceed : .slow(factor: max(left, 0.01))
    }
  }
}
