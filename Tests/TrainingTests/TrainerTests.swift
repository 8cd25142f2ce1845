import ClusterConfiguration
import Diffusion
import Foundation
import MPI
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
        context: context, count: 4, emptyContext: trainer.policy.emptyContext, guidanceScale: 1)
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
