// Settings of a reward: units, ranges and which kind has which stand in `RewardSetting`; here are
// the names, types and defaults.

extension RunConfiguration {
  /// One term of the reward.
  public struct Reward: Sendable, Equatable {
    /// What a reward can be.
    public enum Kind: String, Choice {
      /// How much of the prompt an analysis of the pixels finds, in the embedded world.
      case sceneAlignment = "scene-alignment"
      /// Whether that is all of it: 1 or 0.
      case sceneCorrect = "scene-correct"
    }

    /// The weight of a reward that states none.
    public static let defaultWeight = 1.0

    /// What it is called in metrics and messages.
    public var name: String
    /// What it is.
    public var kind: Kind
    /// What the raw reward is multiplied by; finite, negative to minimise.
    public var weight: Double

    /// A term of the weighted sum, called as its kind is where no name is given.
    public init(_ kind: Kind, name: String? = nil, weight: Double = defaultWeight) {
      self.name = name ?? kind.rawValue
      self.kind = kind
      self.weight = weight
    }
  }

  /// How images are scored, whatever the rewards are.
  public struct Scoring: Sendable, Equatable {
    /// The part of an epoch's or an evaluation's images that may be without a score; in [0, 1).
    public var maxMissingFraction = 0.1
  }
}

extension RunConfiguration.Reward.Kind {
  /// What it measures, in a line.
  var explanation: String {
    switch self {
    case .sceneAlignment: "0 to 1: how much of the prompt an analysis of the pixels finds"
    case .sceneCorrect: "1 where that is all of the prompt, else 0"
    }
  }

  /// What can be set of it, beside name and weight.
  var settings: [RewardSetting] { RewardSetting.all.filter { $0.kinds.contains(self) } }
}
