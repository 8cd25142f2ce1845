import ClusterConfiguration
import Images
import Rewards
import Testing
import Torch

@testable import Training

/// Other methods than PRDP as it stands in the paper: the baseline and the ablations.
@Suite(.serialized) struct MethodTests {
  /// Scores that follow from the picture, and one in nine is missing.
  private struct PixelReward: Reward {
    let name = "pixels"

    func score(_ images: [Image], prompts: [String]) throws -> [Score] {
      images.map { image in
        let sum = image.pixels.reduce(0) { $0 + Int($1) }
        return sum % 9 == 0 ? .missing(reason: "by chance") : .value(Double(sum % 101) / 100)
      }
    }
  }

  private func trainer(
    _ output: String, in folder: String, resume: Trainer.Resume = .latest,
    _ change: (inout RunConfiguration) -> Void
  ) throws -> Trainer {
    var configuration = try DebugFixture.configuration(in: folder)
    configuration.run.output = "\(folder)/\(output)"
    configuration.method.name = .ddpo
    configuration.method.innerSteps = 2
    configuration.checkpoint.everySteps = 1
    configuration.checkpoint.keep = 10
    configuration.scoring.maxMissingFraction = 0.9
    change(&configuration)
    let trainer = try Trainer(
      configuration, communicator: DebugFixture.world(), device: .cpu, resume: resume)
    trainer.reward = try WeightedReward([.init(PixelReward(), weight: 1)])
    return trainer
  }

  private func weights(_ trainer: Trainer) throws -> [[Float]] {
    try trainer.policy.trainable.map { try $0.tensor.values() }
  }

  @Test(arguments: [RunConfiguration.Method.Advantages.prompt, .history])
  func aRunOfTheBaselineGoesOnToTheSameBits(
    advantages: RunConfiguration.Method.Advantages
  ) throws {
    try withScratchFolder { folder in
      func change(_ configuration: inout RunConfiguration) {
        configuration.method.advantages = advantages
        if advantages == .history { configuration.method.imagesPerPrompt = 1 }
      }
      let straight = try trainer("straight", in: folder, change)
      let before = try weights(straight)
      #expect(try straight.run() == .completed)
      #expect(try weights(straight) != before)
      #expect((straight.state.rewardHistory != nil) == (advantages == .history))

      // In the midst of the second epoch.
      let path = "\(folder)/straight/checkpoints/step-00000003"
      let resumed = try trainer("resumed", in: folder, resume: .checkpoint(path: path), change)
      #expect(resumed.state.inner == 1)
      #expect(try resumed.run() == .completed)
      #expect(try weights(resumed) == weights(straight))
      #expect(resumed.state.rewardHistory == straight.state.rewardHistory)
    }
  }

  @Test func offlineTrajectoriesAreThoseOfThePretrainedModel() throws {
    try withScratchFolder { folder in
      func change(_ configuration: inout RunConfiguration) {
        configuration.method.name = .prdp
        configuration.method.sampling = .offline
      }
      let untrained = try trainer("untrained", in: folder, change)
      let trained = try trainer("trained", in: folder, change)
      _ = try trained.runEpoch()
      untrained.state.epoch = trained.state.epoch
      let (expected, drawn) = try (untrained.drawRollouts(), trained.drawRollouts())
      for (expected, drawn) in zip(expected, drawn) {
        #expect(try drawn.latents.values(as: Float.self) == expected.latents.values())
        #expect(drawn.reference == expected.old)
        #expect(drawn.old != drawn.reference)
        #expect(drawn.kl.trainedSteps > 0)
      }
      // The second epoch's first step still replays what sampling saw of the trained policy.
      _ = try trained.runEpoch()
    }
  }

  @Test func withoutClippingNothingCountsAsClipped() throws {
    try withScratchFolder { folder in
      func clipFractions(clips: Bool) throws -> [Double] {
        let trainer = try trainer("clip-\(clips)", in: folder) {
          $0.method.name = .prdp
          $0.method.clip = clips
          $0.method.clipRange = 1e-3
          $0.optimizer.warmupSteps = 0
        }
        return try trainer.runEpoch().map(\.clipFraction)
      }
      let (free, clipped) = try (clipFractions(clips: false), clipFractions(clips: true))
      #expect(free == [0, 0])
      #expect(clipped[1] > 0)
    }
  }

  @Test func whatHasNoMeaningWithTheBaselineIsRefused() throws {
    try withScratchFolder { folder in
      let trainer = try trainer("run", in: folder) { _ in }
      #expect(
        errorText { _ = try trainer.calibrate() }?
          .contains("method.name: expected prdp, for prdp calibrate, found ddpo") == true)
      #expect(
        errorText { _ = try DebugRun(trainer, dumpFolder: nil) { _ in } }?
          .contains("expected prdp, for --debug, found ddpo") == true)
    }
  }
}
