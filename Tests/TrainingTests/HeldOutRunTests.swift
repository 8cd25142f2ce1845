import ClusterConfiguration
import Foundation
import Testing
import Torch

@testable import Training

/// Runs with rewards that only evaluations ask for.
@Suite(.serialized) struct HeldOutRunTests {
  /// A run of three epochs with three steps each and an evaluation after each.
  private func trainer(_ output: String, in folder: String) throws -> Trainer {
    var configuration = try DebugFixture.configuration(in: folder)
    configuration.run.output = "\(folder)/\(output)"
    configuration.run.epochs = 3
    configuration.optimizer.learningRate = 1e-2
    configuration.evaluation.sets = [.init(name: "some", prompts: "\(folder)/prompts.txt")]
    configuration.evaluation.imagesPerSet = 3
    configuration.evaluation.everyEpochs = 1
    configuration.evaluation.rewards = [.init(.jpegCompressibility), .init(.sceneCorrect)]
    configuration.logging.sampleImages = 0
    return try Trainer(
      configuration, communicator: DebugFixture.world(), device: .cpu, resume: .latest)
  }

  /// The records of a run's steps and evaluations, seconds apart.
  private func records(_ trainer: Trainer) throws -> [String] {
    try text(of: "\(trainer.configuration.run.output)/metrics.jsonl").split(separator: "\n")
      .filter { $0.contains(#""kind":"step""#) || $0.contains(#""kind":"evaluation""#) }
      .map { String($0).replacing(/"seconds":\{[^}]*\},?/, with: "") }
  }

  @Test(arguments: [3, 5])
  func aRunThatGoesOnIsOneThatNeverStopped(step: Int) throws {
    try withScratchFolder { folder in
      let straight = try trainer("straight", in: folder)
      #expect(try straight.run() == .completed)

      let stopped = try trainer("stopped", in: folder)
      // At the end of the first epoch, before what is measured there, or in the midst of the second.
      stopped.lastStep = step
      #expect(try stopped.run() == .preempted)
      #expect(stopped.state.step == step && stopped.state.heldOutPeaks != HeldOutPeaks())
      let resumed = try trainer("stopped", in: folder)
      #expect(resumed.state.heldOutPeaks == stopped.state.heldOutPeaks)
      #expect(try resumed.run() == .completed)

      #expect(resumed.state.heldOutPeaks == straight.state.heldOutPeaks)
      for (one, other) in zip(resumed.policy.trainable, straight.policy.trainable) {
        #expect(try one.tensor.values(as: Float.self) == other.tensor.values(), "\(one.name)")
      }
      let (found, expected) = try (records(resumed), records(straight))
      #expect(found == expected)
      #expect(found.count == 9 + 4 && found.allSatisfy { !$0.contains(#""components":{}"#) })
      #expect(found.count { $0.contains("jpeg-compressibility") } == 4)
    }
  }
}
