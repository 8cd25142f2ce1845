import ClusterConfiguration
import Foundation
import PRDP
import Testing
import Torch

@testable import Training

@Suite(.serialized) struct DebugRunTests {
  @Test func everyCheckIsALineAndPassesAndARepetitionSaysTheSame() throws {
    try withScratchFolder { folder in
      let configuration = try DebugFixture.configuration(in: folder)
      // The model draws nothing that its own reward could tell apart.
      let reward = HandMadeReward(scores: [0.1, 0.7, 0.2, 0.9])
      let (outcome, lines) = try DebugFixture.run(configuration, reward: reward)
      #expect(outcome == .completed, "\(lines.last ?? "")")
      for name in [
        "tensors not finite among trajectories, epoch 2", "a trajectory drawn again, epoch 2",
        "its log-probabilities, epoch 2", "|delta| before the first update, epoch 2",
        "numbers not finite among rewards, epoch 2", "tensors not finite among gradient, step 6",
        "log-probabilities of both passes, step 6", "two-pass gradient against autograd, step 6",
        "gradient against finite differences, step 6",
        "tensors not finite among parameters, step 6",
        "tensors not finite among optimiser, step 6",
      ] {
        #expect(
          lines.contains { $0.hasPrefix("check \(name): ") && $0.hasSuffix(") ok") }, "\(name)")
      }
      #expect(lines.last == "\(lines.count - 1) checks passed")
      #expect(try DebugFixture.run(configuration, reward: reward).lines == lines)
    }
  }

  @Test func aRunThatCannotKeepItsInvariantEndsWithTheCheckThatFailed() throws {
    try withScratchFolder { folder in
      // With so many channels, bits depend on the size of a batch.
      try DebugFixture.model(in: folder, channels: [12, 20]).save(to: "\(folder)/model")
      var configuration = try DebugFixture.configuration(in: folder)
      // A tenth of it lies below what float32 can keep.
      configuration.method.clipRange = 1e-9
      let (outcome, lines) = try DebugFixture.run(configuration)
      #expect(lines.last?.hasPrefix("check |delta| before the first update, epoch 1: ") == true)
      #expect(lines.last?.hasSuffix(" (limit 1.0e-10) FAILED") == true)
      guard case .failed(let reason, _) = outcome else {
        Issue.record("the run went on")
        return
      }
      #expect(reason.hasPrefix("the check \"|delta| before the first update, epoch 1\" gave "))
    }
  }

  @Test func aRunWithoutItsLastStepSaysThatNothingIsDumped() throws {
    try withScratchFolder { folder in
      var configuration = try DebugFixture.configuration(in: folder)
      configuration.method.innerSteps = 1
      configuration.method.klLimit = 1e-12
      let (outcome, _) = try DebugFixture.run(configuration, dumpFolder: "\(folder)/dump")
      #expect(
        outcome
          == .failed(
            "the run ended before its last optimiser step, so there is none to dump",
            exitStatus: 1))
    }
  }

  @Test func aFolderWithFilesIsNotDumpedTo() throws {
    try withScratchFolder { folder in
      try write("text".utf8, to: "\(folder)/notes")
      #expect(
        errorText { _ = try StepDump(folder: folder) }
          == "\(folder): expected an empty folder for the step, or none yet, found 1 files in it: "
          + "name another after --dump-step")
      #expect(
        errorText { _ = try StepDump(folder: "\(folder)/notes/dump") }
          == "\(folder)/notes/dump: expected a path below folders only, found the file "
          + "\(folder)/notes in it: name another after --dump-step")
    }
  }

  @Test func presetsAreAConfigurationThatTheUsersReplacementsCanChange() throws {
    var configuration = RunConfiguration()
    configuration.run.output = "runs/a \"b\\c//"
    configuration.method.klLimit = 3
    let small = try RunConfiguration(
      yaml: configuration.yaml(), source: "test",
      overrides: DebugRun.presets(for: configuration) + ["method.imagesPerPrompt=3"])
    #expect(small.run.output == "runs/a \"b\\c-debug")
    #expect(small.run.epochs == 2)
    #expect(small.method.innerSteps == 2)
    #expect(small.method.klLimit == nil)
    #expect(small.method.imagesPerPrompt == 3)
    #expect(small.method.beta == configuration.method.beta)
  }
}
