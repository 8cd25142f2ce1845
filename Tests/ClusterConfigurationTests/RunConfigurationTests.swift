import Foundation
import Testing

@testable import ClusterConfiguration

@Suite struct RunConfigurationTests {
  static let shippedPath = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "../../cluster.yaml").path(percentEncoded: false)

  @Test func theDefaultsKeepEveryRule() throws {
    try RunConfiguration().validate()
  }

  @Test func theShippedFileStatesEveryKeyWithItsDefault() throws {
    let text = try String(contentsOfFile: Self.shippedPath, encoding: .utf8)
    var reader = ConfigurationReader(source: "cluster.yaml")
    reader.readDocument(text)
    #expect(Set(reader.places.keys) == Set(Schema.keys.map(\.path)))
    #expect(
      try reader.finish(keeping: RunConfiguration.Use.training.relations) == RunConfiguration())
  }

  @Test func theShippedFileExplainsEveryKey() throws {
    let lines = try String(contentsOfFile: Self.shippedPath, encoding: .utf8)
      .split(separator: "\n", omittingEmptySubsequences: false)
    for (index, line) in lines.enumerated() where line.contains(": ") && !line.contains("#") {
      #expect(lines[index - 1].contains("# "), "line \(index + 1): \(line)")
    }
  }

  /// For each key a value that is not its default.
  static let otherValues = [
    "run.seed": "7", "run.output": "\"runs/it's # one\"", "run.epochs": "3",
    "cluster.slots": "4", "cluster.threadsPerRank": "0", "cluster.device": "cuda",
    "cluster.timeLimit": "3600",
    "cluster.hosts": "[{name: h1, slots: 2}, {name: 10.0.0.2, slots: 1}]",
    "cluster.network": "10.77.0.0/24", "cluster.environment": "[HF_HOME, _X1]",
    "cluster.mca": "{mpi_yield_when_idle: 1, pml: ob1, btl: \"^openib\"}",
    "cluster.restarts": "0", "cluster.restartDelay": "1", "cluster.fewerRanks": "false",
    "cluster.gracePeriod": "30", "cluster.heartbeatLimit": "3", "cluster.startLimit": "60",
    "cluster.stallLimit": "5", "cluster.compareEverySteps": "7",
    "model.path": "/models/sd", "model.variant": "fp16", "model.dtype": "bfloat16",
    "model.gradientCheckpointing": "true", "model.training": "full", "model.lora.rank": "4",
    "model.lora.alpha": "16", "model.lora.targets": "[to_q, \"1\"]", "data.prompts": "a b.txt",
    "data.indexFolder": "/scratch/indexes",
    "rewards":
      "[{name: scene-correct, weight: 10}, {name: b, kind: scene-alignment, weight: -0.05}]",
    "scoring.maxMissingFraction": "0", "scoring.parallelPrompts": "5", "scoring.ledger": "false",
    "method.promptsPerEpoch": "64",
    "method.name": "ddpo", "method.clip": "false", "method.sampling": "offline",
    "method.advantages": "history",
    "method.imagesPerPrompt": "8", "method.innerSteps": "10", "method.beta": "3e-06",
    "method.clipRange": "1e-06", "method.reduction": "mean", "method.omitLastSteps": "0",
    "method.microBatch": "1", "method.klLimit": "12.5", "method.klAction": "slow",
    "optimizer.learningRate": "7e-06", "optimizer.warmupSteps": "0",
    "optimizer.schedule": "cosine", "optimizer.weightDecay": "0",
    "optimizer.beta1": "0", "optimizer.beta2": "0.99", "optimizer.epsilon": "1e-06",
    "optimizer.maxGradientNorm": "0.5", "optimizer.averageDecay": "0.99",
    "optimizer.sharded": "true", "optimizer.gradientType": "bfloat16",
    "optimizer.bucketMegabytes": "25", "sampler.steps": "50", "sampler.guidance": "5",
    "sampler.eta": "0.5", "sampler.spacing": "trailing", "sampler.batchSize": "8",
    "evaluation.sets": "{z: z.txt, a: \"a: b\"}", "evaluation.imagesPerSet": "64",
    "evaluation.everyEpochs": "5", "evaluation.seed": "3",
    "evaluation.rewards": "[{name: pickscore, weight: 1, model: p, dtype: float32, batchSize: 16}]",
    "checkpoint.best": "seen/scene-alignment", "checkpoint.everyEpochs": "0",
    "checkpoint.everySteps": "7", "checkpoint.keep": "5", "checkpoint.keepEvery": "100",
    "logging.progress": "none", "logging.sampleImages": "0",
    "logging.everyEpochs": "2", "logging.gridEveryEpochs": "0", "logging.tensorboard": "false",
  ]

  @Test func everyKeyCanBeOverriddenAndNoOtherChanges() throws {
    #expect(Set(Self.otherValues.keys) == Set(Schema.keys.map(\.path)))
    for (path, value) in Self.otherValues {
      // The best checkpoint is one of those that were evaluated.
      let base = path == "checkpoint.best" ? "evaluation: {everyEpochs: 5}" : "run: {}"
      let changed = try RunConfiguration(
        yaml: base, source: "", overrides: ["\(path)=\(value)"])
      let unchanged = try RunConfiguration(yaml: base, source: "")
      let changedPaths = Schema.keys.filter { $0.yaml(changed) != $0.yaml(unchanged) }
        .map(\.path)
      #expect(changedPaths == [path])
      #expect(try RunConfiguration(yaml: changed.yaml(), source: "") == changed)
    }
  }

  /// A configuration with all of them but three: the whole UNet is trained in float32 only, ddpo on
  /// its own images, and the best checkpoint is chosen by a set and a reward that the others change.
  private func changedInAll() throws -> RunConfiguration {
    let values = Self.otherValues.filter {
      !["model.dtype", "method.sampling", "checkpoint.best"].contains($0.key)
    }
    return try RunConfiguration(
      yaml: "run: {}", source: "", overrides: values.map { "\($0)=\($1)" })
  }

  @Test func everyOtherValueAtOnceIsWrittenAndReadBackEqual() throws {
    let changed = try changedInAll()
    #expect(try RunConfiguration(yaml: changed.yaml(), source: "") == changed)
    #expect(changed.evaluation.sets.map(\.name) == ["z", "a"])
    let roundTrip = RunConfiguration().yaml()
    #expect(try RunConfiguration(yaml: roundTrip, source: "") == RunConfiguration())
  }

  @Test func theWrittenFormIsThis() throws {
    let text = RunConfiguration().yaml()
    #expect(text.hasPrefix("run:\n  seed: 1\n  output: runs/embedded\n  epochs: 40\ncluster:\n"))
    #expect(text.contains("\n  lora:\n    rank: 8\n    alpha: 8\n    targets: [to_q, to_k, "))
    #expect(text.contains("\nrewards:\n  - {name: scene-alignment, weight: 1}\nscoring:\n"))
    #expect(text.contains("\n  sets:\n    seen: Sources/Scenes/Resources/prompts/seen.txt\n"))
    #expect(text.contains("\n  learningRate: 0.0015\n"))
    var withoutSets = RunConfiguration()
    withoutSets.evaluation.sets = []
    #expect(withoutSets.yaml().contains("\n  sets: {}\n"))
    #expect(try RunConfiguration(yaml: withoutSets.yaml(), source: "") == withoutSets)
  }

  @Test func theSchemaListsEveryKeyWithItsDefault() {
    let schema = RunConfiguration.schema()
    for key in Schema.keys {
      #expect(
        schema.contains(
          "\n  \(key.path)\n      \(key.explanation)\n      \(key.expectation); "
            + "default: \(key.yaml(RunConfiguration()))"))
    }
    #expect(
      schema.contains(
        "default: [{name: scene-alignment, weight: 1}]\n      name: what it is called in metrics"))
    for kind in RunConfiguration.Reward.Kind.allCases {
      #expect(schema.contains("\n        \(kind.rawValue): \(kind.explanation)\n"))
    }
    #expect(schema.contains("a number above 0, or null; default: null; unit: nats, over all steps"))
  }

  @Test func noExplanationOfTheSchemaIsLongerThanALine() {
    for key in Schema.keys { #expect(key.explanation.count <= 84, "\(key.path)") }
    for setting in RewardSetting.all {
      #expect(setting.explanation.count <= 84, "\(setting.name)")
    }
  }

  @Test func valuesChangedInCodeAreCheckedByTheSameRules() {
    var configuration = RunConfiguration()
    configuration.method.beta = -.infinity
    configuration.sampler.steps = 10
    configuration.method.omitLastSteps = 10
    configuration.rewards = [.init(.sceneCorrect, weight: .nan)]
    let error = #expect(throws: ConfigurationError.self) { try configuration.validate() }
    #expect(
      error?.description == """
        rewards must be a list of {name, weight, …} with distinct names, one at least, got the weight nan
        method.beta must be a number above 0, got -inf
        method.omitLastSteps is 10, not below sampler.steps, which is 10: no step would be left to train on
        """)
  }

  @Test func aRankWithoutAPromptIsRefused() throws {
    var configuration = RunConfiguration()
    configuration.method.promptsPerEpoch = 3
    try configuration.validate(rankCount: 3)
    let error = #expect(throws: ConfigurationError.self) {
      try configuration.validate(rankCount: 4)
    }
    #expect(
      error?.description == "method.promptsPerEpoch is 3, fewer than the 4 ranks: "
        + "raise it or start fewer ranks")
  }

  private func errorText(
    _ yaml: String, _ overrides: [String] = [], keeping relations: [ConfigurationRelation]
  ) -> String {
    do throws(ConfigurationError) {
      _ = try RunConfiguration(
        yaml: yaml, source: "cluster.yaml", overrides: overrides, keeping: relations)
      return "no error"
    } catch {
      return error.description
    }
  }

  @Test func aRankWithoutAPromptIsReportedWithItsLineAndAllElse() {
    let yaml = "cluster:\n  slots: 4\nmethod:\n  promptsPerEpoch: 3\n  betaa: 1"
    #expect(
      errorText(yaml, ["run.epochs=0"], keeping: [.promptsForEachSlot]) == """
        cluster.yaml:4: method.promptsPerEpoch is 3, below cluster.slots, which is 4: \
        a rank would be left without a prompt
        cluster.yaml:5: method.betaa is not a known key; did you mean method.beta?
        --set: run.epochs must be an integer from 1 to 1000000, got 0
        """)
    #expect(
      errorText(
        "method:\n  promptsPerEpoch: 3", ["cluster.slots=4"], keeping: [.promptsForEachSlot])
        == "--set: method.promptsPerEpoch is 3, below cluster.slots, which is 4: "
        + "a rank would be left without a prompt")
    #expect(
      errorText("method:\n  promptsPerEpoch: 3", keeping: [.prompts(forEachOf: 4)])
        == "cluster.yaml:2: method.promptsPerEpoch is 3, fewer than the 4 ranks: "
        + "raise it or start fewer ranks")
    #expect(
      errorText(
        "cluster: {hosts: [{name: a, slots: 2}, {name: b}]}\nmethod: {promptsPerEpoch: 2}",
        keeping: [.promptsForEachSlot])
        == "cluster.yaml:2: method.promptsPerEpoch is 2, below the slots in cluster.hosts, "
        + "3 in all: a rank would be left without a prompt")
    let enough = "cluster: {slots: 3}\nmethod: {promptsPerEpoch: 3}"
    #expect(
      errorText(enough, keeping: [.promptsForEachSlot, .prompts(forEachOf: 3)]) == "no error")
  }

  @Test func aKeyIsShownAsItsValueAndASectionAsYAML() throws {
    var configuration = RunConfiguration()
    configuration.model.lora.rank = 4
    configuration.model.lora.targets = ["to_q", "to_out.0"]
    #expect(try configuration.yamlValue(of: "model.lora.rank") == "4")
    #expect(try configuration.yamlValue(of: "rewards") == "[{name: scene-alignment, weight: 1}]")
    #expect(
      try configuration.yamlValue(of: "checkpoint")
        == "checkpoint:\n  everyEpochs: 10\n  everySteps: 0\n  keep: 2\n  keepEvery: 0\n  best: null\n"
    )
    #expect(
      try configuration.yamlValue(of: "model.lora") == """
        model:
          lora:
            rank: 4
            alpha: 8
            targets: [to_q, to_out.0]

        """)
    let sections = try RunConfiguration.sectionPaths.filter { !$0.contains(".") }
      .map(configuration.yamlValue).joined()
    #expect(try RunConfiguration(yaml: sections, source: "") == configuration)
  }

  @Test(arguments: [
    ("method.betaa", "method.betaa is not a known key; did you mean method.beta?"),
    ("metod", "metod is not a known key; did you mean method?"),
    ("zebra", "zebra is not a known key; prdp config schema lists all"),
    ("resume", "resume is not a known key; a run goes on by an option: prdp train --resume latest"),
    (
      "evaluation.sets.seen",
      "evaluation.sets.seen is a part of evaluation.sets, which is shown as a whole"
    ),
  ])
  func whatIsNeitherKeyNorSectionIsNotShown(_ path: String, _ expected: String) {
    let error = #expect(throws: ConfigurationError.self) {
      try RunConfiguration().yamlValue(of: path)
    }
    #expect(error?.description == expected)
  }

  @Test func onlyWhatResultsDoNotDependOnMayChangeOnAResume() throws {
    let free: Set = [
      "run.epochs", "run.output", "cluster.slots", "cluster.threadsPerRank", "cluster.device",
      "cluster.timeLimit", "cluster.hosts", "cluster.network", "cluster.environment", "cluster.mca",
      "cluster.restarts", "cluster.restartDelay", "cluster.fewerRanks", "cluster.gracePeriod",
      "cluster.heartbeatLimit", "cluster.startLimit", "cluster.stallLimit",
      "cluster.compareEverySteps", "optimizer.sharded", "optimizer.bucketMegabytes",
      "data.indexFolder", "model.gradientCheckpointing", "scoring.maxMissingFraction",
      "scoring.parallelPrompts", "scoring.ledger", "method.klLimit", "method.klAction",
      "evaluation.everyEpochs",
      "checkpoint.everyEpochs", "checkpoint.everySteps", "checkpoint.keepEvery",
      "checkpoint.keep", "checkpoint.best", "logging.progress", "logging.sampleImages",
      "logging.everyEpochs",
      "logging.gridEveryEpochs", "logging.tensorboard",
    ]
    let listed = RunConfiguration.keysThatMayChangeOnResume.split(separator: "\n")
    #expect(Set(listed.map(String.init)) == free)
    let changed = try changedInAll()
    let keys =
      changed.differences(from: RunConfiguration()).map(\.key) + ["model.dtype", "method.sampling"]
    #expect(Set(keys) == Set(Schema.keys.map(\.path)).subtracting(free))
    #expect(changed.differences(from: changed).isEmpty)
    let half = try RunConfiguration(yaml: "model: {dtype: bfloat16}", source: "")
    #expect(half.differences(from: RunConfiguration()).map(\.key) == ["model.dtype"])
  }

  @Test func aDifferenceNamesTheOldAndTheNewValue() {
    var configuration = RunConfiguration()
    configuration.method.beta = 1e-3
    #expect(
      configuration.differences(from: RunConfiguration()).map(\.description)
        == ["method.beta was 0.0005 and is 0.001"])
  }

  @Test(arguments: [
    ("betaa", "beta", 1), ("btea", "beta", 1), ("", "abc", 3), ("same", "same", 0),
    ("kitten", "sitting", 3), ("ab", "ba", 1),
  ])
  func editDistanceIs(_ first: String, _ second: String, _ distance: Int) {
    #expect(editDistance(first, second) == distance)
    #expect(editDistance(second, first) == distance)
  }
}
