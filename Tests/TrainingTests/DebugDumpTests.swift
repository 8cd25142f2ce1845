import ClusterConfiguration
import Diffusion
import Foundation
import TestSupport
import Testing

@testable import Training

/// Steps written by debug runs, computed again by PyTorch and diffusers.
@Suite struct DebugDumpTests {
  struct DumpCase: Sendable {
    let name: String
    let training: RunConfiguration.Model.Training
    let reduction: RunConfiguration.Method.Reduction
    let guidance: Double
    let rewards: Rewards
    /// In the first epoch, old and ref are the same.
    let epochs: Int
    /// In nats; about the median of |delta|.
    let clipRange: Double
  }

  enum Rewards: Sendable {
    case distinct, someTied, someMissing, correctness
  }

  static let cases = [
    DumpCase(
      name: "full-mean", training: .full, reduction: .mean, guidance: 3, rewards: .someTied,
      epochs: 2, clipRange: 0.25),
    DumpCase(
      name: "full-sum", training: .full, reduction: .sum, guidance: 1, rewards: .distinct,
      epochs: 1, clipRange: 0.8),
    DumpCase(
      name: "missing", training: .lora, reduction: .sum, guidance: 1, rewards: .someMissing,
      epochs: 2, clipRange: 0.2),
    DumpCase(
      name: "lora-sum", training: .lora, reduction: .sum, guidance: 3, rewards: .someTied,
      epochs: 2, clipRange: 0.1),
    DumpCase(
      name: "lora-mean", training: .lora, reduction: .mean, guidance: 1, rewards: .distinct,
      epochs: 1, clipRange: 0.2),
    // A random model draws nothing that is correct: all pairs are tied, and there is no gradient.
    DumpCase(
      name: "all-tied", training: .full, reduction: .sum, guidance: 1, rewards: .correctness,
      epochs: 1, clipRange: 0.1),
  ]

  @Test(.enabled(if: Python.hasDiffusers, "needs diffusers in .venv: scripts/setup --golden"))
  func pyTorchAndDiffusersComputeTheSameSteps() throws {
    try withScratchFolder { folder in
      for dumpCase in Self.cases { try dump(dumpCase, in: folder) }
      // One dump with false settings, so that the script is seen to fail.
      try FileManager.default.copyItem(
        atPath: "\(folder)/full-mean", toPath: "\(folder)/tampered")
      try falsify("\(folder)/tampered/step.json")

      let names = Self.cases.map(\.name) + ["tampered"]
      let end = try Python.run(
        script: "scripts/golden/check_dump.py",
        names.map { "\(folder)/\($0)" } + ["\(folder)/model"])
      #expect(end.exitCode == 1, "\(end.output)")
      let parts = end.output.components(separatedBy: "\(folder)/").dropFirst()
      #expect(parts.map { $0.prefix { $0 != ":" } }.elementsEqual(names.map { $0[...] }))
      for part in parts.dropLast() {
        #expect(part.contains("all agree") && !part.contains("FAILED"), "\(part)")
      }
      for comparison in [
        "loss of each prompt", "w_it", "guided predictions", "l_it  ", "gradient with",
        "weights after", "change of the weights",
      ] {
        #expect(
          try #require(parts.last).split(separator: "\n").contains {
            $0.contains(comparison) && $0.hasSuffix("FAILED")
          }, "\(comparison)")
      }
    }
  }

  @Test(.enabled(if: Python.hasDiffusers, "needs diffusers in .venv: scripts/setup --golden"))
  func aStepOfAModelThatPredictsVelocityIsComputedTheSame() throws {
    try withScratchFolder { folder in
      try DebugFixture.model(in: folder, predictionType: .velocity).save(to: "\(folder)/model")
      try dump(
        DumpCase(
          name: "velocity", training: .full, reduction: .sum, guidance: 3, rewards: .distinct,
          epochs: 2, clipRange: 0.2), in: folder)
      let end = try Python.run(
        script: "scripts/golden/check_dump.py", ["\(folder)/velocity", "\(folder)/model"])
      #expect(end.exitCode == 0, "\(end.output)")
    }
  }

  /// One of Stable Diffusion XL's kind, but with DDIM's steps, which the script knows.
  @Test(.enabled(if: Python.hasDiffusers, "needs diffusers in .venv: scripts/setup --golden"))
  func aStepOfAModelWithTwoTextEncodersIsComputedTheSame() throws {
    try withScratchFolder { folder in
      let model = "\(folder)/model"
      try FileManager.default.copyItem(
        atPath: Golden.fixtures.appending(path: "models/two-encoders").path, toPath: model)
      try SchedulerConfiguration().json()
        .write(to: URL(filePath: "\(model)/scheduler/scheduler_config.json"))
      try dump(
        DumpCase(
          name: "two-encoders", training: .lora, reduction: .sum, guidance: 3, rewards: .distinct,
          epochs: 2, clipRange: 0.2), in: folder)
      let end = try Python.run(
        script: "scripts/golden/check_dump.py", ["\(folder)/two-encoders", model])
      #expect(end.exitCode == 0, "\(end.output)")
    }
  }

  private func dump(_ dumpCase: DumpCase, in folder: String) throws {
    var configuration = try DebugFixture.configuration(in: folder)
    let isMean = dumpCase.reduction == .mean
    configuration.run.output = "\(folder)/run-\(dumpCase.name)"
    configuration.run.epochs = dumpCase.epochs
    configuration.model.training = dumpCase.training
    configuration.model.lora.rank = 2
    configuration.method.reduction = dumpCase.reduction
    let elementCount = isMean ? Double(DebugFixture.latentElementCount) : 1
    configuration.method.clipRange = dumpCase.clipRange / elementCount
    configuration.method.beta = 1e-3 * elementCount
    configuration.sampler.guidance = dumpCase.guidance
    let reward: HandMadeReward?
    switch dumpCase.rewards {
    case .distinct: reward = HandMadeReward(scores: [0.1, 0.7, 0.2, 0.9])
    case .someTied: reward = HandMadeReward(scores: [0.5, 0, 0.5, 1])
    case .someMissing:
      reward = HandMadeReward(scores: [0.1, nil, 0.9, 0.4])
      configuration.scoring.maxMissingFraction = 0.25
    case .correctness:
      reward = nil
      configuration.rewards = [.init(.sceneCorrect)]
    }
    let (outcome, lines) = try DebugFixture.run(
      configuration, reward: reward, dumpFolder: "\(folder)/\(dumpCase.name)")
    #expect(outcome == .completed, "\(dumpCase.name): \(lines.last ?? "")")

    let record = try record(of: "\(folder)/\(dumpCase.name)/step.json")
    let clipped = try #require(record["clipFraction"] as? Double)
    let tied = try #require(record["tiedPairFraction"] as? Double)
    switch dumpCase.rewards {
    case .distinct, .someMissing: #expect(tied == 0)
    case .someTied: #expect(tied == 1.0 / 6)
    case .correctness:
      #expect(tied == 1)
      #expect(
        lines.contains(
          "note: all rewards of a prompt are equal or missing in step 3: its gradient is 0"))
    }
    if tied < 1 { #expect((0.2...0.8).contains(clipped), "\(dumpCase.name): \(clipped)") }
  }

  private func record(of path: String) throws -> [String: Any] {
    try #require(
      try JSONSerialization.jsonObject(with: contents(of: path)) as? [String: Any])
  }

  private func falsify(_ path: String) throws {
    var record = try record(of: path)
    var settings = try #require(record["settings"] as? [String: Any])
    settings["guidance"] = 2.9
    settings["beta"] = 1.01 * (try #require(settings["beta"] as? Double))
    var optimizer = try #require(settings["optimizer"] as? [String: Any])
    optimizer["learningRate"] = 2 * (try #require(optimizer["learningRate"] as? Double))
    settings["optimizer"] = optimizer
    record["settings"] = settings
    try JSONSerialization.data(withJSONObject: record).write(to: URL(filePath: path))
  }
}
