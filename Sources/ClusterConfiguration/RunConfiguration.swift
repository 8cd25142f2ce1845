/// Everything about a run, as cluster.yaml says it.
///
/// A fresh value holds the defaults, which stand at the properties of the sections and nowhere
/// else. A value read from YAML keeps every rule; one changed in code can be checked with
/// ``validate()``. Relative paths stay as written: ``resolve(_:against:)``.
public struct RunConfiguration: Sendable, Equatable {
  /// The run as a whole.
  public var run = Run()
  /// The processes, and what they compute on.
  public var cluster = Cluster()
  /// The model to fine-tune, and which of its weights.
  public var model = Model()
  /// What is trained on.
  public var data = Data()
  /// What is maximised: the weighted sum of these, raw. Never empty, names distinct.
  public var rewards = [Reward(.sceneAlignment)]
  /// How images are scored, whatever the rewards are.
  public var scoring = Scoring()
  /// The method and its hyper-parameters.
  public var method = Method()
  /// AdamW and its learning rate.
  public var optimizer = Optimizer()
  /// How images are drawn, in training and in evaluation.
  public var sampler = Sampler()
  /// What is measured, on which prompts, and when.
  public var evaluation = Evaluation()
  /// What is saved, and how much of it is kept.
  public var checkpoint = Checkpoint()
  /// What a person sees of the run.
  public var logging = Logging()

  /// The defaults.
  public init() {}

  /// Reads a configuration; what the text leaves out keeps its default.
  ///
  /// - Parameters:
  ///   - yaml: One YAML document of at most 1 MB, without anchors, aliases, tags, merge keys and
  ///     texts over several lines.
  ///   - source: What error messages call the text: its path.
  ///   - overrides: `key=value` each, the value in YAML, lists and mappings in their bracket form;
  ///     they are applied in order after the text.
  ///   - use: What it is for.
  ///   - relations: Rules that it must keep besides its own.
  /// - Throws: ``ConfigurationError`` with all problems found.
  public init(
    yaml: String, source: String, overrides: [String] = [], for use: Use = .training,
    keeping relations: [ConfigurationRelation] = []
  ) throws(ConfigurationError) {
    var reader = ConfigurationReader(source: source)
    reader.readDocument(yaml)
    overrides.forEach { reader.readOverride($0) }
    self = try reader.finish(keeping: use.relations + relations)
  }

  /// Reads a configuration from a regular file of at most 1 MB in UTF-8.
  ///
  /// - Parameters:
  ///   - use: What it is for.
  ///   - relations: Rules that it must keep besides its own.
  /// - Throws: ``ConfigurationError`` with all problems found.
  public static func load(
    path: String, overrides: [String] = [], for use: Use = .training,
    keeping relations: [ConfigurationRelation] = []
  ) throws(ConfigurationError) -> RunConfiguration {
    try RunConfiguration(
      yaml: ConfigurationFile.text(at: path), source: path, overrides: overrides, for: use,
      keeping: relations)
  }

  /// Checks every rule that does not depend on the number of ranks.
  ///
  /// - Throws: ``ConfigurationError`` with all broken rules.
  public func validate() throws(ConfigurationError) {
    var report = ProblemReport()
    for rule in brokenRules(apartFrom: [], Use.training.relations) {
      report.add(rule.message, at: Place(source: "", line: nil))
    }
    if let error = report.error { throw error }
  }

  /// Checks the rules that depend on the number of ranks; known only once MPI is up.
  ///
  /// - Throws: ``ConfigurationError`` when a rank would be left without a prompt.
  public func validate(rankCount: Int) throws(ConfigurationError) {
    var report = ProblemReport()
    for message in ConfigurationRelation.prompts(forEachOf: rankCount).brokenRules(self) {
      report.add(message, at: Place(source: "", line: nil))
    }
    if let error = report.error { throw error }
  }

  /// The broken rules, each with the keys it is about: of single keys, and of `relations` between keys.
  /// Of these one is left out where one of its keys is broken by itself or among `unreadable`.
  func brokenRules(
    apartFrom unreadable: Set<String>, _ relations: [ConfigurationRelation]
  ) -> [(paths: [String], message: String)] {
    let single = Schema.keys.compactMap { key in
      key.brokenRule(self).map { (paths: [key.path], message: $0) }
    }
    let broken = unreadable.union(single.flatMap(\.paths))
    let between = relations.filter { broken.isDisjoint(with: $0.paths) }
      .flatMap { relation in
        relation.brokenRules(self).map { (paths: relation.paths, message: $0) }
      }
    return single + between
  }
}
