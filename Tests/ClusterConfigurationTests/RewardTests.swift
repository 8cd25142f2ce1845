import Testing

@testable import ClusterConfiguration

@Suite struct RewardTests {
  private static let kinds =
    "scene-alignment, scene-correct, clip-score, aesthetic, pickscore, hpsv2, "
    + "jpeg-compressibility, jpeg-incompressibility, torchscript, command or http"

  private func rewards(_ yaml: String) throws -> [RunConfiguration.Reward] {
    try RunConfiguration(yaml: "rewards: \(yaml)", source: "").rewards
  }

  private func errorText(_ yaml: String) -> String {
    do throws(ConfigurationError) {
      _ = try RunConfiguration(yaml: yaml, source: "cluster.yaml")
      return "no error"
    } catch {
      return error.description
    }
  }

  @Test func theKindIsTheNameWhereItIsNotStated() throws {
    #expect(
      try rewards("[{name: scene-correct}, {name: shapes, kind: scene-alignment, weight: 2}]")
        == [.init(.sceneCorrect), .init(.sceneAlignment, name: "shapes", weight: 2)])
  }

  @Test func twoOfAKindDifferByTheirNames() throws {
    #expect(
      try rewards("[{name: a, kind: scene-correct}, {name: b, kind: scene-correct}]").count == 2)
    #expect(
      errorText("rewards: [{name: a, kind: scene-correct}, {name: a, kind: scene-alignment}]")
        == "cluster.yaml:1: rewards must be a list of {name, weight, …} with distinct names, one at "
        + "least, got a twice")
  }

  @Test(arguments: [
    (
      "[{name: scene-alignmnet}]",
      "rewards[0].name must be \(RewardTests.kinds) where no kind is stated, got "
        + "scene-alignmnet; did you mean scene-alignment?"
    ),
    (
      "[{name: scene-correct}, {name: a, kind: scene-corect}]",
      "rewards[1].kind must be \(RewardTests.kinds), got scene-corect; "
        + "did you mean scene-correct?"
    ),
    (
      "[{name: scene-correct, wieght: 2}]",
      "rewards[0].wieght is not a known key; did you mean rewards[0].weight?"
    ),
    (
      "[{name: scene-correct, zebra: 2}]",
      "rewards[0].zebra is not a known key; a reward of kind scene-correct has name, kind and weight"
    ),
    (
      "[{name: scene-correct, weight: heavy}]",
      "rewards[0].weight must be a number, got heavy"
    ),
    ("[{weight: 2}]", "rewards[0] must be {name: …, weight: …}, got a mapping without a name"),
    ("[scene-correct]", "rewards[0] must be {name: …, weight: …}, got scene-correct"),
    ("[{name: [a]}]", "rewards[0].name must be a text, got a list"),
    (
      "[]",
      "rewards must be a list of {name, weight, …} with distinct names, one at least, got "
        + "an empty list"
    ),
  ])
  func whatIsWrongIsSaidWithTheNearestName(_ yaml: String, _ message: String) {
    #expect(errorText("rewards: \(yaml)").hasPrefix("cluster.yaml:1: \(message)"))
  }

  @Test func everyProblemOfAListIsReportedWithItsLine() {
    #expect(
      errorText("rewards:\n- name: scene-correct\n  wieght: 1\n- name: scene-correkt\n") == """
        cluster.yaml:3: rewards[0].wieght is not a known key; did you mean rewards[0].weight?
        cluster.yaml:4: rewards[1].name must be \(RewardTests.kinds) where no kind is \
        stated, got scene-correkt; did you mean scene-correct?
        """)
  }

  private static let command =
    "{name: pick, kind: command, weight: 2, program: [python3, \"a b.py\"], parallel: 3, timeout: 1.5}"

  @Test func aModelIsNamedByItsFolder() throws {
    var expected = RunConfiguration.Reward(.aesthetic, weight: 0.05)
    expected.model = "models/clip"
    expected.head = "models/head.safetensors"
    expected.dtype = .bfloat16
    #expect(
      try rewards(
        "[{name: aesthetic, weight: .05, model: models/clip, head: models/head.safetensors, "
          + "dtype: bfloat16}]") == [expected])
    #expect(
      errorText("rewards: [{name: pickscore}]")
        == "cluster.yaml:1: rewards[0].model must be a path, got an empty text")
    #expect(
      errorText("rewards: [{name: jpeg-compressibility, model: a}]")
        == "cluster.yaml:1: rewards[0].model is no setting of kind jpeg-compressibility, but of "
        + "clip-score, aesthetic, pickscore and hpsv2")
  }

  @Test func aKindHasSettingsOfItsOwn() throws {
    var expected = RunConfiguration.Reward(.command, name: "pick", weight: 2)
    expected.program = ["python3", "a b.py"]
    expected.parallel = 3
    expected.timeout = 1.5
    #expect(try rewards("[\(Self.command)]") == [expected])

    var configuration = RunConfiguration()
    configuration.rewards = [expected]
    #expect(
      try configuration.yamlValue(of: "rewards")
        == "[{name: pick, kind: command, weight: 2, program: [python3, \"a b.py\"], images: base64, "
        + "version: null, batchSize: 16, parallel: 3, timeout: 1.5, startTimeout: 120, retries: 2}]"
    )
    #expect(try RunConfiguration(yaml: configuration.yaml(), source: "") == configuration)
  }

  @Test(arguments: [
    (
      "parralel: 2", "rewards[0].parralel is not a known key; did you mean rewards[0].parallel?"
    ),
    ("parallel: 0", "rewards[0].parallel must be an integer from 1 to 256, got 0"),
    (
      "timeout: 0", "rewards[0].timeout must be a number above 0 and at most 1000000, got 0"
    ),
    (
      "timeout: 1.0e30",
      "rewards[0].timeout must be a number above 0 and at most 1000000, got 1.0e+30"
    ),
    (
      "startTimeout: 1.0e30",
      "rewards[0].startTimeout must be a number from 0 to 1000000, got 1.0e+30"
    ),
    ("version: ''", "rewards[0].version must be a text, or null, got an empty text"),
    ("images: jpeg", "rewards[0].images must be base64 or paths, got jpeg"),
    (
      "zebra: 1",
      "rewards[0].zebra is not a known key; a reward of kind command has name, kind, weight, "
        + "program, images, version, batchSize, parallel, timeout, startTimeout and retries"
    ),
  ])
  func aSettingKeepsItsRule(_ setting: String, _ message: String) {
    #expect(
      errorText("rewards: [{name: command, program: [a], \(setting)}]").split(separator: "\n")
        .first.map(String.init) == "cluster.yaml:1: \(message)")
  }

  @Test(arguments: [
    "http://host:8000/score", "https://a.b/c?d=e", "http://[::1]:80/",
  ])
  func aServiceIsNamedByItsURL(_ url: String) throws {
    let reward = try rewards("[{name: http, urls: [\"\(url)\", \"http://other\"]}]")[0]
    #expect(reward.urls == [url, "http://other"])
    #expect(reward.authorizationFrom == nil)
  }

  @Test(arguments: [
    ("[]", "an empty list"), ("[\"file:///etc/passwd\"]", "one that is not"),
    ("[\"http://user:secret@host/\"]", "one that is not"), ("[host]", "one that is not"),
    ("[\"http:///score\"]", "one that is not"), ("[\"http://a#b\"]", "one that is not"),
    ("[\"http://a\", \"http://a\"]", "http://a twice"),
  ])
  func aURLThatIsNoneOrHasASecretIsRefusedAndNotShown(_ urls: String, _ complaint: String) {
    #expect(
      errorText("rewards: [{name: http, urls: \(urls)}]")
        == "cluster.yaml:1: rewards[0].urls must be a list of distinct http:// or https:// URLs "
        + "without user and password, one at least, got \(complaint)")
  }

  @Test func aSecretIsNamedByItsVariable() {
    #expect(
      errorText("rewards: [{name: http, urls: [\"http://a\"], authorizationFrom: \"Bearer x\"}]")
        == "cluster.yaml:1: rewards[0].authorizationFrom must be the name of an environment "
        + "variable, or null, got \"Bearer x\"")
  }

  @Test func whatAKindNeedsIsAskedFor() {
    #expect(
      errorText("rewards:\n- name: scene-correct\n- name: command\n")
        == "cluster.yaml:1: rewards[1].program must be a list of words, one at least, got an empty list"
    )
    #expect(
      errorText("rewards:\n- name: command\n  program: python3 reward.py\n")
        == "cluster.yaml:3: rewards[0].program must be a list of words, one at least, got "
        + "python3 reward.py; write it as [\"python3 reward.py\"]")
  }

  @Test func aSettingOfAnotherKindIsSaidToBeOne() {
    #expect(
      errorText("rewards: [{name: scene-correct, program: [a]}]")
        == "cluster.yaml:1: rewards[0].program is no setting of kind scene-correct, but of command")
  }

  @Test func whatScoresDoNotDependOnMayChangeOnAResume() throws {
    func configuration(_ reward: String) throws -> RunConfiguration {
      try RunConfiguration(yaml: "rewards: [\(reward)]", source: "")
    }
    let old = try configuration(Self.command)
    let free = try configuration(
      Self.command.replacing("parallel: 3, timeout: 1.5", with: "batchSize: 2, retries: 0"))
    #expect(free != old)
    #expect(free.differences(from: old).isEmpty)
    #expect(free.lastingSettings == old.lastingSettings)
    #expect(free.rewards[0].identity == old.rewards[0].identity)
    let other = try configuration(Self.command.replacing("a b.py", with: "c.py"))
    #expect(
      other.differences(from: old).map(\.description) == [
        "rewards was [{name: pick, kind: command, weight: 2, program: [python3, \"a b.py\"]}] and is "
          + "[{name: pick, kind: command, weight: 2, program: [python3, c.py]}]"
      ])
    #expect(other.rewards[0].identity != old.rewards[0].identity)
    // What a score is multiplied by does not change it.
    let heavier = try configuration(Self.command.replacing("weight: 2", with: "weight: 3"))
    #expect(heavier.rewards[0].identity == old.rewards[0].identity)
    #expect(heavier.differences(from: old).count == 1)
  }

  @Test func anotherVersionIsAnotherRewardOfTheSameRun() throws {
    func configuration(_ version: String) throws -> RunConfiguration {
      try RunConfiguration(
        yaml: "rewards: [{name: http, urls: [\"http://a\"], version: \(version)}]", source: "")
    }
    let (none, one, two) = try (configuration("null"), configuration("'1'"), configuration("'2'"))
    #expect(Set([none, one, two].map { $0.rewards[0].identity }).count == 3)
    #expect(two.differences(from: one).isEmpty && one.differences(from: none).isEmpty)
    #expect(try RunConfiguration(yaml: one.yaml(), source: "") == one)
  }

  @Test(arguments: [
    ("timeout: 480, retries: 0", false),
    ("timeout: 479, retries: 0", true),
    // Before the third attempt a second is waited, and before late ones 30.
    ("timeout: 479, retries: 2", false),
    ("timeout: 478, retries: 2", true),
    ("timeout: 450, retries: 100", false),
    ("timeout: 449, retries: 100", true),
  ])
  func anAttemptEndsBeforeItsRankCountsAsStuck(_ settings: String, _ isEarly: Bool) {
    #expect(
      errorText("rewards: [{name: command, program: [a], \(settings)}]")
        == (isEarly
          ? "no error"
          : "cluster.yaml:1: rewards[0] may take 600 s for an answer, by its timeout, startTimeout and "
            + "retries, and a rank ends itself after 600 s in one operation: lower that, or raise "
            + "cluster.stallLimit"))
  }

  @Test func aServiceThatOnlyEvaluationsAskEndsItsAttemptsInTimeToo() {
    #expect(
      errorText(
        "evaluation: {rewards: [{name: http, urls: [\"http://a\"], timeout: 5}]}\n"
          + "cluster: {stallLimit: 6}")
        == "cluster.yaml:1: evaluation.rewards[0] may take 6 s for an answer, by its timeout and "
        + "retries, and a rank ends itself after 6 s in one operation: lower that, or raise "
        + "cluster.stallLimit")
    #expect(errorText("rewards: [{name: scene-correct}]\ncluster: {stallLimit: 5}") == "no error")
  }

  @Test func theRulesOfRunsDoNotCountForScoring() throws {
    let yaml = """
      rewards: [{name: aesthetic, kind: scene-correct}]
      evaluation: {rewards: [{name: aesthetic, kind: scene-alignment}, {name: jpeg-compressibility}]}
      checkpoint: {best: none/none}
      method: {omitLastSteps: 9}
      sampler: {steps: 4}
      """
    let configuration = try RunConfiguration(yaml: yaml, source: "", for: .scoring)
    #expect(errorText(yaml).split(separator: "\n").count == 5)
    var heldOut = RunConfiguration.Reward(.jpegCompressibility, weight: 0)
    #expect(configuration.heldOutRewards == [heldOut])
    // Those of single keys do, and of each reward.
    for wrong in ["run: {epochs: 0}", "rewards: [{name: aesthetic}]"] {
      #expect(throws: ConfigurationError.self) {
        try RunConfiguration(yaml: wrong, source: "", for: .scoring)
      }
    }
    heldOut.weight = 1
    #expect(configuration.evaluation.rewards.last == heldOut)
  }

  @Test func theSchemaHasEverySettingOfEveryKind() {
    let schema = RunConfiguration.schema()
    for kind in RunConfiguration.Reward.Kind.allCases {
      for setting in kind.settings {
        #expect(
          schema.contains(
            "\n          \(setting.name): \(setting.explanation); \(setting.expectation); default: "
          ))
      }
    }
    #expect(schema.contains("default: 60; unit: seconds; may change on a resume"))
  }

  @Test func aKindThatIsNotTheNameIsWritten() throws {
    var configuration = RunConfiguration()
    configuration.rewards = [.init(.sceneCorrect), .init(.sceneAlignment, name: "a", weight: -2)]
    #expect(
      try configuration.yamlValue(of: "rewards")
        == "[{name: scene-correct, weight: 1}, {name: a, kind: scene-alignment, weight: -2}]")
    #expect(try RunConfiguration(yaml: configuration.yaml(), source: "") == configuration)
  }
}
