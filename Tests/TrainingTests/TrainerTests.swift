import ClusterConfiguration
import Diffusion
import Foundation
import MPI
import Rewards
import TestSupport
import Testing
import Torch

@testable import Training

@Suite(.serialized) struct TrainerTests {
  private func trainer(_ configuration: RunConfiguration) throws -> Trainer {
    try Trainer(configuration, communicator: DebugFixture.world(), device: .cpu)
  }

  private func gradient(microBatch: Int, in folder: String) throws -> Tensor {
    var configuration = try DebugFixture.configuration(in: folder)
    configuration.method.microBatch = microBatch
    let trainer = try trainer(configuration)
    // The untrained model's rewards hardly differ; these do.
    let rollouts = try trainer.drawRollouts().map { rollout in
      var rollout = rollout
      rollout.rewards = rollout.rewards.indices.map { Double($0 * $0 % 7) / 7 }
      return rollout
    }
    _ = try trainer.averageGradient(rollouts, inner: 0)
    return trainer.gradient.sum
  }

  @Test func theGradientDoesNotDependOnTheMicroBatch() throws {
    try withTemporaryFolder { folder in
      let whole = try gradient(microBatch: 1000, in: folder.path)
      #expect(try whole.norm().item() > 0)
      for microBatch in [1, 5, 8] {
        let parts = try gradient(microBatch: microBatch, in: folder.path)
        // float32 sums of other lengths.
        #expect(
          try TestSupport.relativeDifference(parts, from: whole) < 1e-5, "microBatch \(microBatch)")
      }
    }
  }

  @Test func aLaterStepsGradientDoesNotDependOnTheNumberOfPasses() throws {
    try withTemporaryFolder { folder in
      func step(microBatch: Int) throws -> (gradient: Tensor, records: [MetricsRecord.Step]) {
        var configuration = try DebugFixture.configuration(in: folder.path)
        configuration.method.innerSteps = 2
        configuration.method.clipRange = 0.01
        configuration.method.microBatch = microBatch
        let trainer = try trainer(configuration)
        trainer.reward = try WeightedReward([
          .init(HandMadeReward(scores: [0.1, 0.9, 0.3, 0.4]), weight: 1)
        ])
        let records = try trainer.runEpoch()
        return (trainer.gradient.sum, records)
      }
      // Four images and three steps: two passes with 5, one with 12, both prompts at once with 24.
      let apart = try step(microBatch: 5)
      #expect(apart.records[1].clipFraction > 0)
      for microBatch in [12, 24] {
        let (gradient, records) = try step(microBatch: microBatch)
        #expect(try TestSupport.relativeDifference(gradient, from: apart.gradient) < 1e-3)
        #expect(abs(records[1].loss / apart.records[1].loss - 1) < 1e-6)
        #expect(records[1].clipFraction == apart.records[1].clipFraction)
      }
    }
  }

  @Test func promptsThatAreDrawnTogetherAreDrawnAgainTogether() throws {
    try withTemporaryFolder { folder in
      var configuration = try DebugFixture.configuration(in: folder.path)
      configuration.method.promptsPerEpoch = 33
      configuration.sampler.batchSize = 12
      let trainer = try trainer(configuration)
      // A batch holds three, of which a share of 33 is too few groups for scoring beside drawing.
      #expect(trainer.sampler.promptCount == 2)
      let all = try trainer.drawRollouts()
      #expect(all.map(\.position) == Array(0..<33))
      // What a run that was stopped has: the second of two that share a batch, among others.
      trainer.inFlight = [all[1]] + all[6...]
      let again = try trainer.drawRollouts()
      #expect(again.map(\.position) == Array(0..<33))
      for (again, first) in zip(again, all) {
        #expect(try again.latents.values(as: Float.self) == first.latents.values())
        #expect(again.old == first.old && again.rewards == first.rewards)
      }
      // One prompt at a time: the same but for rounding.
      configuration.sampler.batchSize = 4
      for (alone, first) in zip(try self.trainer(configuration).drawRollouts(), all) {
        #expect(try TestSupport.relativeDifference(alone.latents, from: first.latents) < 1e-5)
      }
    }
  }

  @Test func whatADrawingSaysOfItsStepsFollowsFromItsLatents() throws {
    try withTemporaryFolder { folder in
      var configuration = try DebugFixture.configuration(in: folder.path)
      configuration.optimizer.learningRate = 1e-3
      let trainer = try trainer(configuration)
      for (rollout, _) in try trainer.draw(0..<2) {
        #expect(rollout.reference == rollout.old)
        #expect(rollout.kl.allSteps == 0)
      }
      _ = try trainer.runEpoch()
      let (sampler, policy) = (trainer.sampler, trainer.policy)
      for (rollout, _) in try trainer.draw(0..<2) {
        let count = rollout.old.trajectoryCount
        let conditioning = try Conditioning(
          context: rollout.context.repeated(count),
          emptyContext: rollout.emptyContext.repeated(count),
          guidanceScale: sampler.guidanceScale)
        let latents = try rollout.latents.chunks(sampler.plan.steps.count + 1, axis: 0)
          .map { try $0.reshaped(Array(rollout.latents.shape[1...])) }
        var kl: [Double] = []
        for (index, step) in sampler.plan.steps.enumerated() {
          let gaussian = try GaussianSteps(Array(repeating: step, count: count), on: .cpu)
          func mean(_ predictor: any NoisePredictor) throws -> Tensor {
            try withoutGradient {
              let prediction = try predictor.guided(
                latents[index], timesteps: gaussian.timesteps, conditioning)
              return try gaussian.mean(sample: latents[index], prediction: prediction)
            }
          }
          let (trained, pretrained) = try (mean(policy.model.unet), mean(policy.pretrained))
          let divergences: [Double] = try gaussian.klDivergence(trained, pretrained).values()
          kl.append(divergences.reduce(0, +) / Double(count))
          guard let column = sampler.trainedSteps.firstIndex(of: index) else { continue }
          for (noted, mean) in [(rollout.old, trained), (rollout.reference, pretrained)] {
            let expected: [Double] = try gaussian.logProbability(
              of: latents[index + 1], mean: mean
            ).values()
            for (trajectory, expected) in expected.enumerated() {
              let difference = noted[trajectory, column] - expected * sampler.reductionScale
              // float32 passes over batches of other sizes.
              #expect(abs(difference) < 1e-2 * sampler.reductionScale, "step \(index)")
            }
          }
        }
        let trained = sampler.trainedSteps.reduce(0) { $0 + kl[$1] }
        #expect(trained > 0.1)
        #expect(abs(rollout.kl.trainedSteps / trained - 1) < 1e-3)
        #expect(abs(rollout.kl.allSteps / kl.reduce(0, +) - 1) < 1e-3)
      }
    }
  }

  @Test(arguments: [RunConfiguration.Model.Training.full, .lora])
  func theReferencePolicyStaysWhileThePolicyMoves(
    training: RunConfiguration.Model.Training
  ) throws {
    try withTemporaryFolder { folder in
      var configuration = try DebugFixture.configuration(in: folder.path)
      configuration.model.training = training
      let trainer = try trainer(configuration)
      let before = try trainer.drawRollouts()
      _ = try trainer.runEpoch()
      let context = before[0].context
      let conditioning = try Conditioning(
        context: context.repeated(4), emptyContext: trainer.policy.emptyContext, guidanceScale: 1)
      let shape = before[0].latents.shape
      let sample = try before[0].latents.narrowed(axis: 0, 0..<1).reshaped(Array(shape[1...]))
      let timesteps = try Tensor([Float](repeating: 500, count: 4), shape: [4])
      try withoutGradient {
        let reference = try trainer.policy.pretrained.guided(
          sample, timesteps: timesteps, conditioning)
        let untrained = try self.trainer(configuration).policy.model.unet.guided(
          sample, timesteps: timesteps, conditioning)
        let moved = try trainer.policy.model.unet.guided(
          sample, timesteps: timesteps, conditioning)
        #expect(try TestSupport.relativeDifference(reference, from: untrained) == 0)
        #expect(try TestSupport.relativeDifference(moved, from: untrained) > 1e-6)
      }
    }
  }

  @Test func theKLLimitEndsARunWithACheckpoint() throws {
    try withTemporaryFolder { folder in
      var configuration = try DebugFixture.configuration(in: folder.path)
      configuration.run.epochs = 5
      configuration.method.klLimit = 1e-12
      let trainer = try Trainer(
        configuration, communicator: DebugFixture.world(), device: .cpu, resume: .never)
      #expect(try trainer.run() == .completed)
      // The first epoch moves the policy, the second one finds that it moved.
      #expect(trainer.state.epoch == 1)
      let store = trainer.checkpoints(in: "\(configuration.run.output)/checkpoints")
      #expect(try store.newestValid()?.step == trainer.state.step)
    }
  }

  @Test func theLearningRateFallsToTheEndOfTheWholeRun() throws {
    try withTemporaryFolder { folder in
      var configuration = try DebugFixture.configuration(in: folder.path)
      configuration.run.epochs = 2
      configuration.method.innerSteps = 2
      configuration.optimizer.warmupSteps = 1
      configuration.optimizer.schedule = .cosine
      /// The learning rates of an epoch, as parts of the highest.
      func rates(_ resume: Trainer.Resume) throws -> [Double] {
        let trainer = try Trainer(
          configuration, communicator: DebugFixture.world(), device: .cpu, resume: resume)
        let records = try trainer.runEpoch()
        try trainer.saveAtTheEnd()
        return records.map { $0.learningRate / configuration.optimizer.learningRate }
      }
      // Half in the warm-up, then (1 + cos(pi k / 3)) / 2.
      let found = try rates(.never) + rates(.latest)
      #expect(found.count == 4)
      for (found, expected) in zip(found, [0.5, 1, 0.75, 0.25]) {
        #expect(abs(found - expected) < 1e-12)
      }
    }
  }

  @Test func weightsThatBlowUpEndTheRunAndAreNotSaved() throws {
    try withTemporaryFolder { folder in
      var configuration = try DebugFixture.configuration(in: folder.path)
      configuration.run.epochs = 5
      configuration.checkpoint.everyEpochs = 1
      configuration.method.innerSteps = 1
      configuration.optimizer.learningRate = 1e30
      let trainer = try Trainer(
        configuration, communicator: DebugFixture.world(), device: .cpu, resume: .never)
      guard case .failed(let reason, let exitStatus) = try trainer.run() else {
        Issue.record("the run went on")
        return
      }
      #expect(reason.contains("predictions are not finite"), "\(reason)")
      #expect(exitStatus == 3)
      let store = trainer.checkpoints(in: "\(configuration.run.output)/checkpoints")
      #expect(try store.newestValid() == nil)
    }
  }

  @Test func aRunThatGoesOnEndsWithTheWeightsOfOneThatNeverStopped() throws {
    try withTemporaryFolder { folder in
      func finish(_ output: String, epochs: Int, _ resume: Trainer.Resume) throws -> Trainer {
        var configuration = try DebugFixture.configuration(in: folder.path)
        configuration.run.output = "\(folder.path)/\(output)"
        configuration.run.epochs = epochs
        let trainer = try Trainer(
          configuration, communicator: DebugFixture.world(), device: .cpu, resume: resume)
        #expect(try trainer.run() == .completed)
        return trainer
      }
      let straight = try finish("straight", epochs: 3, .never)
      _ = try finish("stopped", epochs: 1, .never)
      let resumed = try finish("stopped", epochs: 3, .latest)
      #expect(resumed.state.step == straight.state.step)
      for (one, other) in zip(resumed.policy.trainable, straight.policy.trainable) {
        #expect(
          try TestSupport.relativeDifference(one.tensor, from: other.tensor) == 0, "\(one.name)")
      }
    }
  }

  @Test func aRunWhoseSettingsBrokeARuleIsExportedAndGoesOnWithOthers() throws {
    try withTemporaryFolder { folder in
      var configuration = try DebugFixture.configuration(in: folder.path)
      configuration.run.epochs = 1
      // As where an earlier release had no such rule.
      configuration.checkpoint.best = "none/none"
      #expect(throws: ConfigurationError.self) { try configuration.validate() }
      func run() throws -> Trainer {
        let trainer = try Trainer(
          configuration, communicator: DebugFixture.world(), device: .cpu, resume: .latest)
        #expect(try trainer.run() == .completed)
        return trainer
      }
      #expect(try run().state.epoch == 1)
      #expect(try !Export(configuration.run.output).hasAdapters)
      configuration.run.epochs = 2
      configuration.checkpoint.best = nil
      #expect(try run().state.epoch == 2)
    }
  }

  @Test func aRunBeyondItsKLLimitGoesOnWithAHigherOne() throws {
    try withTemporaryFolder { folder in
      var configuration = try DebugFixture.configuration(in: folder.path)
      configuration.run.epochs = 3
      func run(klLimit: Double) throws -> Trainer {
        configuration.method.klLimit = klLimit
        let trainer = try Trainer(
          configuration, communicator: DebugFixture.world(), device: .cpu, resume: .latest)
        #expect(try trainer.run() == .completed)
        return trainer
      }
      #expect(try run(klLimit: 1e-12).state.epoch == 1)
      let again = try run(klLimit: 1e-12)
      #expect(again.isFinished && again.state.epoch == 1)
      #expect(try run(klLimit: 1e6).state.epoch == 3)
    }
  }

  @Test func aRunThatLostItsLastCheckpointIsNotFinished() throws {
    try withTemporaryFolder { folder in
      var configuration = try DebugFixture.configuration(in: folder.path)
      configuration.run.epochs = 2
      configuration.checkpoint.everyEpochs = 1
      func run() throws -> Trainer {
        let trainer = try Trainer(
          configuration, communicator: DebugFixture.world(), device: .cpu, resume: .latest)
        #expect(try trainer.run() == .completed)
        return trainer
      }
      let first = try run()
      let last = "\(configuration.run.output)/checkpoints/step-0000000\(first.state.step)"
      try Data("damaged".utf8).write(to: URL(filePath: "\(last)/state.json"))
      let second = try run()
      #expect(!second.isFinished && second.state.epoch == 2)
      #expect(FileManager.default.fileExists(atPath: "\(last)/COMMIT"))
      #expect(second.state.seconds > second.state.trainingSeconds)
    }
  }

  @Test func aPromptThatTheRewardCannotJudgeIsFoundBeforeTheRun() throws {
    try withTemporaryFolder { folder in
      var configuration = try DebugFixture.configuration(in: folder.path)
      let path = "\(folder.path)/prompts.txt"
      try "a small red circle on a white background\na cat\n".write(
        toFile: path, atomically: true, encoding: .utf8)
      configuration.data.prompts = [.init(path: path)]
      let message = #expect(throws: AgreedFailure.self) { try self.trainer(configuration) }
      #expect(message?.description.hasPrefix("prompt 2 of \(path): expected a prompt for") == true)
    }
  }

  @Test func trainingAndEvaluationNeverShareNoise() {
    var seeds = Set<UInt64>()
    for position in 0..<100 {
      for image in 0..<8 {
        seeds.insert(noiseSeed(runSeed: 5, position: position, imageIndex: image))
      }
      for set in ["seen", "unseen"] {
        seeds.insert(evaluationSeed(5, set: set, place: position))
      }
    }
    #expect(seeds.count == 1000)
  }
}
