import ClusterConfiguration
import Images
import Rewards
import TestSupport
import Testing
import Torch

@testable import Training

@Suite(.serialized) struct AverageTests {
  @Test func theAverageIsWhatIsEvaluatedAndTheWeightsStay() throws {
    try withTemporaryFolder { folder in
      var configuration = try DebugFixture.configuration(in: folder.path)
      configuration.evaluation.sets = [
        .init(name: "some", prompts: configuration.data.prompts[0].path)
      ]
      configuration.evaluation.imagesPerSet = 3
      configuration.optimizer.averageDecay = 0.9
      func trainer() throws -> Trainer {
        let trainer = try Trainer(
          configuration, communicator: DebugFixture.world(), device: .cpu)
        trainer.reward = try WeightedReward([.init(FirstLevelReward(), weight: 1)])
        return trainer
      }
      let expected = try trainer().evaluate(.after)
      let moved = try trainer()
      for parameter in moved.policy.trainable { try parameter.tensor.scaleInPlace(by: 0) }
      #expect(try moved.evaluate(.after) == expected)
      #expect(try moved.policy.trainable.allSatisfy { try $0.tensor.norm().item() == 0 })
      configuration.optimizer.averageDecay = nil
      let without = try trainer()
      for parameter in without.policy.trainable { try parameter.tensor.scaleInPlace(by: 0) }
      #expect(try without.evaluate(.after) != expected)
    }
  }

  @Test func aRunThatGoesOnHasTheAverageOfOneThatNeverStopped() throws {
    try withTemporaryFolder { folder in
      func finish(_ output: String, epochs: Int, _ resume: Trainer.Resume) throws -> Trainer {
        var configuration = try DebugFixture.configuration(in: folder.path)
        configuration.run.output = "\(folder.path)/\(output)"
        configuration.run.epochs = epochs
        configuration.optimizer.averageDecay = 0.9
        let trainer = try Trainer(
          configuration, communicator: DebugFixture.world(), device: .cpu, resume: resume)
        #expect(try trainer.run() == .completed)
        return trainer
      }
      let straight = try #require(finish("straight", epochs: 2, .never).average)
      _ = try finish("stopped", epochs: 1, .never)
      let resumed = try #require(finish("stopped", epochs: 2, .latest).average)
      for (one, other) in zip(resumed.averages, straight.averages) {
        #expect(try one.tensor.values(as: Float.self) == other.tensor.values(), "\(one.name)")
      }
    }
  }
}

/// Scores by the first pixel, which every change of the network moves.
private struct FirstLevelReward: Reward {
  let name = "first level"

  func score(_ images: [Image], prompts: [String]) -> [Score] {
    images.map { .value(Double($0.pixels[0])) }
  }
}
