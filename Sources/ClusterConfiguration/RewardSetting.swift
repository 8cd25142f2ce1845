import Yams

/// One row of the table of what can be set of rewards: everything that is to be known about it.
struct RewardSetting: Sendable {
  typealias Reward = RunConfiguration.Reward

  /// The name of the key.
  let name: String
  /// The kinds of reward that have it.
  let kinds: [Reward.Kind]
  /// Type and range in words.
  let expectation: String
  let unit: String?
  let explanation: String
  /// Whether a run may be resumed with another value: no score depends on it.
  let mayChangeOnResume: Bool

  /// Reads the value of the setting at `key`; `false` where it reported a problem instead.
  let read:
    @Sendable (_ node: Node, _ key: String, Place, inout Reward, inout ProblemReport) -> Bool
  /// What breaks the rule, as a message about `key`; `nil` where nothing does.
  let brokenRule: @Sendable (Reward, _ key: String) -> String?
  let yaml: @Sendable (Reward) -> String

  init<Value: ConfigurationValue>(
    _ name: String, _ member: WritableKeyPath<Reward, Value> & Sendable, _ rule: Rule<Value>,
    of kinds: Reward.Kind..., unit: String? = nil, mayChangeOnResume: Bool = false,
    _ explanation: String
  ) {
    self.name = name
    self.kinds = kinds
    self.expectation = rule.expectation
    self.unit = unit
    self.explanation = explanation
    self.mayChangeOnResume = mayChangeOnResume
    read = { node, key, place, reward, report in
      let value = Value.read(
        node, of: key, expecting: rule.expectation, from: place, into: &report)
      guard let value else { return false }
      reward[keyPath: member] = value
      return true
    }
    brokenRule = { reward, key in
      rule.complaint(reward[keyPath: member]).map {
        "\(key) must be \(rule.expectation), got \($0)"
      }
    }
    yaml = { $0[keyPath: member].yaml }
  }

  /// All settings, in the order in which they are written.
  static let all: [RewardSetting] = []
}

extension ConfigurationRelation {
  /// Each reward of a list keeps the rules of its settings.
  ///
  /// - Parameter key: The list's: `rewards`.
  static func settings(
    of key: String, _ member: KeyPath<RunConfiguration, [RunConfiguration.Reward]> & Sendable
  ) -> Self {
    Self(paths: [key]) { configuration in
      configuration[keyPath: member].enumerated().flatMap { index, reward in
        reward.kind.settings.compactMap { $0.brokenRule(reward, "\(key)[\(index)].\($0.name)") }
      }
    }
  }
}

extension RunConfiguration.Reward.Kind {
  /// The kinds with their settings, a line each, for the schema.
  static var schemaLines: [String] {
    let header = [
      "name: what it is called in metrics; its kind, where that is not stated",
      "weight: what it is multiplied by; a number, negative to minimise; default: 1",
      "kind: one of these, each with settings of its own",
    ]
    return header
      + allCases.flatMap { kind in
        ["  \(kind.rawValue): \(kind.explanation)"]
          + kind.settings.map { setting in
            let unit = setting.unit.map { "; unit: \($0)" } ?? ""
            let resume = setting.mayChangeOnResume ? "; may change on a resume" : ""
            return "    \(setting.name): \(setting.explanation); \(setting.expectation); "
              + "default: \(setting.yaml(RunConfiguration.Reward(kind)))\(unit)\(resume)"
          }
      }
  }
}
