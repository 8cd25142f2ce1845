import Yams

/// One row of the schema: everything that is to be known about a key.
struct ConfigurationKey: Sendable {
  /// The names from the top, joined by dots: `model.lora.rank`.
  let path: String
  /// Type and range in words.
  let expectation: String
  let unit: String?
  let explanation: String
  /// Names that other trainers have for it; offered where one is written here.
  let knownAs: [String]
  /// Whether a run may be resumed with another value.
  let mayChangeOnResume: Bool
  /// Whether a plain value is one text.
  let isText: Bool

  /// Reads the value into the configuration; `false` where it reported a problem instead.
  let read: @Sendable (Node, Place, inout RunConfiguration, inout ProblemReport) -> Bool
  /// What breaks the rule, as a message; `nil` where nothing does.
  let brokenRule: @Sendable (RunConfiguration) -> String?
  let yaml: @Sendable (RunConfiguration) -> String
  let yamlLines: @Sendable (RunConfiguration) -> [String]
  /// What must stay the same on a resume; `nil` where all of it may change.
  let lastingYAML: @Sendable (RunConfiguration) -> String?

  init<Value: ConfigurationValue>(
    _ path: String, _ member: WritableKeyPath<RunConfiguration, Value> & Sendable,
    _ rule: Rule<Value>, unit: String? = nil, mayChangeOnResume: Bool = false,
    knownAs: [String] = [], _ explanation: String
  ) {
    self.path = path
    self.expectation = rule.expectation
    self.unit = unit
    self.explanation = explanation
    self.knownAs = knownAs
    self.mayChangeOnResume = mayChangeOnResume
    isText = Value.self == String.self || Value.self == [RunConfiguration.Data.Source].self
    read = { node, place, configuration, report in
      let value = Value.read(
        node, of: path, expecting: rule.expectation, from: place, into: &report)
      guard let value else { return false }
      configuration[keyPath: member] = value
      return true
    }
    brokenRule = { configuration in
      rule.complaint(configuration[keyPath: member]).map {
        "\(path) must be \(rule.expectation), got \($0)"
      }
    }
    yaml = { $0[keyPath: member].yaml }
    yamlLines = { $0[keyPath: member].yamlLines }
    lastingYAML = { mayChangeOnResume ? nil : $0[keyPath: member].lastingYAML }
  }
}
