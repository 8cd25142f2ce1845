import Foundation
import Testing

@testable import ClusterConfiguration

/// Text that must be refused, with the whole error.
struct BadInput: CustomTestStringConvertible, Sendable {
  let testDescription: String
  let yaml: String
  let overrides: [String]
  let expected: String

  init(_ description: String, _ yaml: String, set overrides: String..., gives expected: String) {
    testDescription = description
    self.yaml = yaml
    self.overrides = overrides
    self.expected = expected
  }
}

/// The error's text, or what it was not.
func errorText(_ yaml: String, _ overrides: [String] = []) -> String {
  do throws(ConfigurationError) {
    _ = try RunConfiguration(yaml: yaml, source: "cluster.yaml", overrides: overrides)
    return "no error"
  } catch {
    return error.description
  }
}

@Suite struct ReadingTests {
  static let badKeys = [
    BadInput(
      "a slip in a key", "run:\n  seed: 1\nmethod:\n  betaa: 1",
      gives: "cluster.yaml:4: method.betaa is not a known key; did you mean method.beta?"),
    BadInput(
      "a slip in a section", "metod:\n  beta: 1",
      gives: "cluster.yaml:1: metod is not a known key; did you mean method?"),
    BadInput(
      "snake case", "optimizer: {learning_rate: 1}",
      gives: "cluster.yaml:1: optimizer.learning_rate is not a known key; "
        + "did you mean optimizer.learningRate?"),
    BadInput(
      "a key in another section", "method: {eta: 1}",
      gives: "cluster.yaml:1: method.eta is not a known key; did you mean sampler.eta?"),
    BadInput(
      "another trainer's name", "run: {num_inference_steps: 50}",
      gives: "cluster.yaml:1: run.num_inference_steps is not a known key; "
        + "did you mean sampler.steps?"),
    BadInput(
      "the paper's name", "method: {eps: 1}",
      gives: "cluster.yaml:1: method.eps is not a known key; did you mean method.clipRange?"),
    BadInput(
      "PyTorch's name", "optimizer: {eps: 1}",
      gives: "cluster.yaml:1: optimizer.eps is not a known key; did you mean optimizer.epsilon?"),
    BadInput(
      "a key without a section", "seed: 7",
      gives: "cluster.yaml:1: seed is not a known key; did you mean run.seed?"),
    BadInput(
      "nothing like it", "run: {zebra: 7}",
      gives: "cluster.yaml:1: run.zebra is not a known key; prdp config schema lists all"),
    BadInput(
      "a key with a dot", "method.beta: 1",
      gives: "cluster.yaml:1: method.beta must be written within its section, without a dot"),
    BadInput(
      "a list as key", "run: {[a]: 1}",
      gives: "cluster.yaml:1: a key must be a name, got a list"),
    BadInput(
      "an escape sequence in a key", "\"run\\e[2J\": 1",
      gives: "cluster.yaml:1: run?[2J is not a known key; prdp config schema lists all"),
    BadInput(
      "a key given twice", "run:\n  seed: 1\n  epochs: 2\n  seed: 2",
      gives: "cluster.yaml:2: seed given here, and again further down in the same mapping: keep one"
    ),
    BadInput(
      "a section given twice, once in quotes", "run: {seed: 1}\n\"run\": {epochs: 2}",
      gives: "cluster.yaml:1: run given here, and again further down in the same mapping: keep one"),
    BadInput(
      "a value for a section", "method: 5",
      gives: "cluster.yaml:1: method must be a mapping of its keys, got 5"),
    BadInput(
      "a list for a section", "model:\n  lora: [1]",
      gives: "cluster.yaml:2: model.lora must be a mapping of its keys, got a list"),
    BadInput(
      "an empty file", "",
      gives: "cluster.yaml: the file is empty: it must have sections, such as run and method"),
    BadInput(
      "only comments", "# run:\n#   seed: 1\n",
      gives: "cluster.yaml: the file is empty: it must have sections, such as run and method"),
    BadInput(
      "a list for the file", "- run",
      gives: "cluster.yaml:1: the file must be a mapping of sections, got a list"),
  ]

  static let badValues = [
    BadInput(
      "a word for a number", "method: {beta: big}",
      gives: "cluster.yaml:1: method.beta must be a number above 0, got big"),
    BadInput(
      "a quoted number", "run:\n  epochs: \"60\"",
      gives: "cluster.yaml:2: run.epochs must be an integer from 1 to 1000000, "
        + "got the text \"60\"; take the quotes away"),
    BadInput(
      "a number for a path", "run: {output: 2024}",
      gives: "cluster.yaml:1: run.output must be a path, got 2024; put it in quotes"),
    BadInput(
      "a boolean for a path", "run: {output: no}",
      gives: "cluster.yaml:1: run.output must be a path, got no; put it in quotes"),
    BadInput(
      "nothing for a path", "run:\n  output:\n",
      gives: "cluster.yaml:2: run.output must be a path, got null"),
    BadInput(
      "an empty path", "run: {output: \"\"}",
      gives: "cluster.yaml:1: run.output must be a path, got an empty text"),
    BadInput(
      "a path with an escape sequence", "run: {output: \"a\\e[2Jb\"}",
      gives: "cluster.yaml:1: run.output must be a path, "
        + "got the control character in \"a?[2Jb\""),
    BadInput(
      "a mapping for a number", "method: {beta: {value: 1}}",
      gives: "cluster.yaml:1: method.beta must be a number above 0, got a mapping"),
    BadInput(
      "zero where it must be above", "method: {beta: 0}",
      gives: "cluster.yaml:1: method.beta must be a number above 0, got 0"),
    BadInput(
      "a number too small to be told from 0", "method: {clipRange: 1e-400}",
      gives: "cluster.yaml:1: method.clipRange must be a number above 0, got 0"),
    BadInput(
      "not a number", "method: {beta: .nan}",
      gives: "cluster.yaml:1: method.beta must be a number above 0, got .nan"),
    BadInput(
      "a number that overflows", "method: {beta: 1e999}",
      gives: "cluster.yaml:1: method.beta must be a number above 0, got 1e999"),
    BadInput(
      "a hexadecimal number", "method: {beta: 0x10}",
      gives: "cluster.yaml:1: method.beta must be a number above 0, got 0x10"),
    BadInput(
      "an octal integer", "run: {epochs: 010}",
      gives: "cluster.yaml:1: run.epochs must be an integer from 1 to 1000000, got 010"),
    BadInput(
      "a fraction for an integer", "run: {epochs: 1.5}",
      gives: "cluster.yaml:1: run.epochs must be an integer from 1 to 1000000, got 1.5"),
    BadInput(
      "an integer beyond 64 bits", "run: {seed: 9223372036854775808}",
      gives: "cluster.yaml:1: run.seed must be an integer of at least 0, got 9223372036854775808"),
    BadInput(
      "a count with which products would overflow", "cluster: {slots: 1000001}",
      gives: "cluster.yaml:1: cluster.slots must be an integer from 1 to 1000000, got 1000001"),
    BadInput(
      "a command for slots", "cluster: {slots: $(touch canary)}",
      gives: "cluster.yaml:1: cluster.slots must be an integer from 1 to 1000000, "
        + "got $(touch canary)"),
    BadInput(
      "one image, which has no pair", "method: {imagesPerPrompt: 1}",
      gives:
        "cluster.yaml:1: method.imagesPerPrompt is 1, and images of a prompt are compared with "
        + "each other: take 2 at least, or ddpo with advantages: history"),
    BadInput(
      "the baseline on images of another policy", "method: {name: ddpo, sampling: offline}",
      gives: "cluster.yaml:1: method.sampling is offline, of which ddpo cannot learn: take online, "
        + "or prdp"),
    BadInput(
      "a word that is no choice", "method: {reduction: avg}",
      gives: "cluster.yaml:1: method.reduction must be mean or sum, got avg; did you mean mean?"),
    BadInput(
      "another word for a choice", "cluster: {device: GPU}",
      gives: "cluster.yaml:1: cluster.device must be cpu or cuda, got GPU; did you mean cuda?"),
    BadInput(
      "a choice of display that YAML takes for a boolean", "logging: {progress: off}",
      gives: "cluster.yaml:1: logging.progress must be auto, live, plain or none, got off; "
        + "did you mean none?"),
    BadInput(
      "a slip in a choice", "sampler: {spacing: trailin}",
      gives: "cluster.yaml:1: sampler.spacing must be file, leading, trailing or linspace, "
        + "got trailin; did you mean trailing?"),
    BadInput(
      "eta without noise", "sampler: {eta: 0}",
      gives: "cluster.yaml:1: sampler.eta must be a number in (0, 1], got 0"),
    BadInput(
      "a decay of 1", "optimizer: {beta2: 1.0}",
      gives: "cluster.yaml:1: optimizer.beta2 must be a number in [0, 1), got 1"),
    BadInput(
      "guidance below 1", "sampler: {guidance: 0.5}",
      gives: "cluster.yaml:1: sampler.guidance must be a number of at least 1, got 0.5"),
    BadInput(
      "a limit of 0", "method: {klLimit: 0}",
      gives: "cluster.yaml:1: method.klLimit must be a number above 0, or null, got 0"),
  ]

  static let badLists = [
    BadInput(
      "no targets", "model: {lora: {targets: []}}",
      gives: "cluster.yaml:1: model.lora.targets must be a list of distinct module names, "
        + "one at least, got an empty list"),
    BadInput(
      "a target twice", "model: {lora: {targets: [to_q, to_q]}}",
      gives: "cluster.yaml:1: model.lora.targets must be a list of distinct module names, "
        + "one at least, got to_q twice"),
    BadInput(
      "a number among the targets", "model:\n  lora:\n    targets:\n    - to_q\n    - 5",
      gives: "cluster.yaml:5: model.lora.targets[1] must be a text, got 5; put it in quotes"),
    BadInput(
      "one target without a list", "model: {lora: {targets: to_q}}",
      gives: "cluster.yaml:1: model.lora.targets must be a list of distinct module names, "
        + "one at least, got to_q; write it as [to_q]"),
    BadInput(
      "one reward without a list", "rewards: scene-alignment",
      gives: "cluster.yaml:1: rewards must be a list of {name, weight, …} with distinct names, "
        + "one at least, got scene-alignment; write it as [{name: scene-alignment, weight: 1}]"),
    BadInput(
      "no rewards", "rewards: []",
      gives: "cluster.yaml:1: rewards must be a list of {name, weight, …} with distinct names, "
        + "one at least, got an empty list"),
    BadInput(
      "a reward that is only a name", "rewards:\n- scene-alignment",
      gives: "cluster.yaml:2: rewards[0] must be {name: …, weight: …}, got scene-alignment"),
    BadInput(
      "a reward without a name", "rewards: [{weight: 1}]",
      gives: "cluster.yaml:1: rewards[0] must be {name: …, weight: …}, "
        + "got a mapping without a name"),
    BadInput(
      "each fault of a reward",
      "rewards:\n- name: scene-correct\n  wieght: 1\n- name: 5\n  weight: x",
      gives: """
        cluster.yaml:3: rewards[0].wieght is not a known key; did you mean rewards[0].weight?
        cluster.yaml:4: rewards[1].name must be a text, got 5; put it in quotes
        cluster.yaml:5: rewards[1].weight must be a number, got x
        """),
    BadInput(
      "a reward twice", "rewards: [{name: scene-correct}, {name: scene-correct, weight: 2}]",
      gives: "cluster.yaml:1: rewards must be a list of {name, weight, …} with distinct names, "
        + "one at least, got scene-correct twice"),
    BadInput(
      "a name that leaves its folder", "evaluation: {sets: {../x: y.txt}}",
      gives: "cluster.yaml:1: evaluation.sets must be a mapping from names to paths of prompt "
        + "files, got the name \"../x\" (letters, digits, _ . - and 64 of them at most)"),
    BadInput(
      "a set without a path", "evaluation:\n  sets:\n    seen:\n",
      gives: "cluster.yaml:3: evaluation.sets.seen must be a path, got null"),
    BadInput(
      "sets in a list", "evaluation: {sets: [seen]}",
      gives: "cluster.yaml:1: evaluation.sets must be a mapping from names to paths of prompt "
        + "files, got a list"),
  ]

  @Test(arguments: foreignKeys)
  func aForeignKeyGetsThisAdvice(_ path: String, _ advice: String) {
    #expect(errorText("run: {}", ["\(path)=1"]) == "--set: \(path) is not a known key; \(advice)")
  }

  @Test func noNameIsBothAKeyAndAnotherWordForOneInItsSection() {
    for key in Schema.keys {
      let section = key.path.dropLast(key.path.lastComponent.count)
      for name in key.knownAs { #expect(Schema.keyByPath[section + name] == nil, "\(name)") }
    }
  }

  @Test(arguments: badKeys + badValues + badLists + badOverrides)
  func isRefusedWithThisText(_ input: BadInput) {
    #expect(errorText(input.yaml, input.overrides) == input.expected)
  }

  @Test func allProblemsAreReportedAtOnceInTheOrderOfTheFile() {
    let yaml = """
      sampler:
        steps: 0
      method:
        betaa: 1
        omitLastSteps: 10
        microBatch: none
      optimizer:
        beta1: 2
      """
    #expect(
      errorText(yaml, ["run.sed=1", "run.epochs=0"]) == """
        cluster.yaml:2: sampler.steps must be an integer from 1 to 1000, got 0
        cluster.yaml:4: method.betaa is not a known key; did you mean method.beta?
        cluster.yaml:6: method.microBatch must be an integer from 1 to 1000000, got none
        cluster.yaml:8: optimizer.beta1 must be a number in [0, 1), got 2
        --set: run.sed is not a known key; did you mean run.seed?
        --set: run.epochs must be an integer from 1 to 1000000, got 0
        """)
  }

  @Test func aRuleBetweenKeysNamesBothNumbersAndTheLine() {
    #expect(
      errorText("sampler:\n  steps: 10\nmethod:\n  omitLastSteps: 10") == """
        cluster.yaml:4: method.omitLastSteps is 10, not below sampler.steps, which is 10: \
        no step would be left to train on
        """)
    #expect(errorText("sampler: {steps: 10}\nmethod: {omitLastSteps: 9}") == "no error")
  }

  @Test func aRuleBetweenKeysIsSilentAboutAKeyThatIsWrongByItself() {
    #expect(
      errorText("sampler: {steps: ten}\nmethod: {omitLastSteps: 12}")
        == "cluster.yaml:1: sampler.steps must be an integer from 1 to 1000, got ten")
  }

  @Test func anUnreadableFileIsNotJudgedByItsRules() {
    #expect(
      errorText("run: {", ["sampler.steps=1"]) == """
        cluster.yaml:2: not valid YAML: did not find expected node content (while parsing a flow node)
        """)
  }

  @Test func moreRepeatedKeysThanAreReportedAreCounted() {
    let yaml = (1...100).map { "key\($0 + 100): 1\n" }.joined()
    #expect(
      errorText(yaml + yaml) == "cluster.yaml:1: key101, key102, key103 and 97 more keys "
        + "given here, and again further down in the same mapping: keep one")
  }

  @Test func tenThousandUnknownKeysGiveFiftyProblemsAndACount() {
    let yaml = (1...10_000).map { "unknown\($0): 1\n" }.joined()
    let lines = errorText(yaml).split(separator: "\n")
    #expect(lines.count == 51)
    #expect(lines.last == "and 9950 more problems")
  }

  @Test func aLongKeyIsShownShort() {
    let text = errorText(String(repeating: "k", count: 900) + ": 1")
    #expect(text.hasPrefix("cluster.yaml:1: kkk"))
    #expect(text.count < 150)
  }

  @Test(arguments: [
    ("5", "5"), ("no", "no"), ("2024-01-01", "2024-01-01"), ("1e5", "1e5"), ("010", "010"),
    ("'5'", "5"), ("\"a b\"", "a b"), ("'null'", "null"),
  ])
  func anOverrideOfATextTakesTheScalarAsItIs(_ value: String, _ expected: String) throws {
    let configuration = try RunConfiguration(
      yaml: "run: {}", source: "", overrides: ["run.output=\(value)"])
    #expect(configuration.run.output == expected)
    #expect(try RunConfiguration(yaml: configuration.yaml(), source: "") == configuration)
  }

  @Test func theLastOverrideOfAKeyWins() throws {
    let configuration = try RunConfiguration(
      yaml: "run: {seed: 1}", source: "", overrides: ["run.seed=2", "run.seed=3"])
    #expect(configuration.run.seed == 3)
  }

  @Test func whatIsLeftOutKeepsItsDefaultAndACommentedOutSectionIsNoError() throws {
    let configuration = try RunConfiguration(
      yaml: "method:\n  beta: .25\nrun:\n  # seed: 4\n", source: "")
    var expected = RunConfiguration()
    expected.method.beta = 0.25
    #expect(configuration == expected)
  }

  @Test func numbersAreReadAsTheKeyExpectsThem() throws {
    let configuration = try RunConfiguration(
      yaml: "method: {beta: 3e-6, klLimit: 20}\noptimizer: {maxGradientNorm: 2}", source: "",
      overrides: [
        "method.clipRange=1E-6",
        "rewards=[{name: b, kind: scene-correct, weight: -.5}, {name: scene-alignment}]",
      ])
    #expect(configuration.method.beta == 3e-6)
    #expect(configuration.method.klLimit == 20)
    #expect(configuration.method.clipRange == 1e-6)
    #expect(configuration.optimizer.maxGradientNorm == 2)
    #expect(
      configuration.rewards == [
        .init(.sceneCorrect, name: "b", weight: -0.5), .init(.sceneAlignment, weight: 1),
      ])
  }
}
