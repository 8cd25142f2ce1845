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
  /// Whether a run may be resumed with another value.
  let mayChangeOnResume: Bool
  /// Whether scores with another value are other scores.
  let tellsApart: Bool

  /// Reads the value of the setting at `key`; `false` where it reported a problem instead.
  let read:
    @Sendable (_ node: Node, _ key: String, Place, inout Reward, inout ProblemReport) -> Bool
  /// What breaks the rule, as a message about `key`; `nil` where nothing does.
  let brokenRule: @Sendable (Reward, _ key: String) -> String?
  let yaml: @Sendable (Reward) -> String

  init<Value: ConfigurationValue>(
    _ name: String, _ member: WritableKeyPath<Reward, Value> & Sendable, _ rule: Rule<Value>,
    of kinds: [Reward.Kind], unit: String? = nil, mayChangeOnResume: Bool = false,
    tellsApart: Bool? = nil, _ explanation: String
  ) {
    self.name = name
    self.kinds = kinds
    self.expectation = rule.expectation
    self.unit = unit
    self.explanation = explanation
    self.mayChangeOnResume = mayChangeOnResume
    self.tellsApart = tellsApart ?? !mayChangeOnResume
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
  static let all = [
    RewardSetting(
      "model", \.model, .path, of: [.clipScore, .aesthetic, .pickScore, .hpsv2],
      "the folder of the CLIP model in transformers' layout"),
    RewardSetting(
      "head", \.head, .path, of: [.aesthetic],
      "the layers on top of it, a safetensors file of scripts/convert_reward.py"),
    RewardSetting(
      "dtype", \.dtype, .choice, of: [.clipScore, .aesthetic, .pickScore, .hpsv2],
      "what the model computes in; bfloat16 and float16 on GPUs that have it"),
    RewardSetting(
      "path", \.path, .path, of: [.torchScript], "the module's file, a program to be trusted"),
    RewardSetting(
      "program", \.program, .words, of: [.command],
      "the program, looked for in PATH, and its arguments; no shell reads them"),
    RewardSetting(
      "images", \.images, .choice, of: [.command], mayChangeOnResume: true,
      "how it gets them: as base64 in the request, or as the paths of PNG files"),
    RewardSetting(
      "urls", \.urls, .urls, of: [.http], mayChangeOnResume: true,
      "where it is asked: of several, where the fewest requests are under way"),
    RewardSetting(
      "authorizationFrom", \.authorizationFrom, .orNull(.variableName), of: [.http],
      mayChangeOnResume: true,
      "environment variable with the value of the header Authorization; null sends none"),
    RewardSetting(
      "version", \.version, .orNull(.text), of: [.command, .http], mayChangeOnResume: true,
      tellsApart: true,
      "any text: with another one no earlier score is taken from the ledger"),
    RewardSetting(
      "batchSize", \.batchSize, .count,
      of: [.clipScore, .aesthetic, .pickScore, .hpsv2, .torchScript, .command, .http],
      unit: "images", mayChangeOnResume: true, "the most at once, or in a request"),
    RewardSetting(
      "parallel", \.parallel, .integer(1...256), of: [.command, .http],
      unit: "requests, on each rank", mayChangeOnResume: true,
      "how many at the same time; of a program as many copies run"),
    RewardSetting(
      "timeout", \.timeout, .seconds(atMost: 1e6), of: [.command, .http], unit: "seconds",
      mayChangeOnResume: true,
      "for an answer; then the attempt has failed"),
    RewardSetting(
      "startTimeout", \.startTimeout, .secondsOrNone(atMost: 1e6), of: [.command], unit: "seconds",
      mayChangeOnResume: true, "more of them for the first answer of a program: it may load a model"
    ),
    RewardSetting(
      "retries", \.retries, .integer(0...100), of: [.command, .http], mayChangeOnResume: true,
      "further attempts at a request that failed; then its scores are missing"),
    RewardSetting(
      "maxResponseBytes", \.maxResponseBytes, .integer(1...1_000_000_000), of: [.http],
      unit: "bytes", mayChangeOnResume: true, "of an answer, of which no more is read"),
  ]
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
