import Testing

@testable import ClusterConfiguration

@Suite struct RewardTests {
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
      "rewards[0].name must be scene-alignment or scene-correct where no kind is stated, got "
        + "scene-alignmnet; did you mean scene-alignment?"
    ),
    (
      "[{name: scene-correct}, {name: a, kind: scene-corect}]",
      "rewards[1].kind must be scene-alignment or scene-correct, got scene-corect; "
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
        cluster.yaml:4: rewards[1].name must be scene-alignment or scene-correct where no kind is \
        stated, got scene-correkt; did you mean scene-correct?
        """)
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
