import ClusterConfiguration
import Foundation
import Images
import Rewards
import Synchronization
import Testing

@testable import Training

@Suite(.serialized) struct ScoringTests {
  /// Scores by place, after a wait; counts the prompts that it is asked about.
  private final class SlowReward: Reward {
    let name = "slow"
    private let counter = Mutex(0)
    private let wait: @Sendable (_ call: Int) throws -> Void

    var callCount: Int { counter.withLock { $0 } }

    init(wait: @escaping @Sendable (_ call: Int) throws -> Void) {
      self.wait = wait
    }

    func score(_ images: [Image], prompts: [String]) throws -> [Score] {
      let call = counter.withLock { counter in
        counter += 1
        return counter
      }
      try wait(call)
      return images.map { .value(Double($0.pixels[0]) + Double($0.pixels[4]) / 7) }
    }
  }

  private func trainer(
    in folder: String, _ reward: SlowReward, stop: StopRequest = StopRequest(),
    change: (inout RunConfiguration) -> Void = { _ in }
  ) throws -> Trainer {
    var configuration = try DebugFixture.configuration(in: folder)
    configuration.run.epochs = 2
    configuration.method.promptsPerEpoch = 6
    configuration.method.innerSteps = 1
    change(&configuration)
    let trainer = try Trainer(
      configuration, communicator: DebugFixture.world(), device: .cpu, resume: .latest, stop: stop)
    trainer.reward = try WeightedReward([.init(reward, weight: 0.5)])
    return trainer
  }

  @Test func theBitsOfARunDoNotDependOnTheOrderInWhichScoresCome() throws {
    try withScratchFolder { folder in
      func weights(_ output: String, parallel: Int, _ reward: SlowReward) throws -> [[Float]] {
        let trainer = try trainer(in: folder, reward) {
          $0.run.output = "\(folder)/\(output)"
          $0.scoring.parallelPrompts = parallel
        }
        #expect(try trainer.run() == .completed)
        return try trainer.policy.trainable.map { try $0.tensor.values() }
      }
      let expected = try weights("one", parallel: 1, SlowReward { _ in })
      for parallel in [2, 5] {
        let found = try weights(
          "\(parallel)", parallel: parallel,
          SlowReward { call in usleep(UInt32(20_000 * (call * 5 % 7))) })
        #expect(found == expected)
      }
    }
  }

  @Test func drawingGoesOnWhileScoresAreWaitedFor() throws {
    try withScratchFolder { folder in
      // The first prompt's scores are held back until the third's are asked for.
      let third = DispatchSemaphore(value: 0)
      let reward = SlowReward { call in
        if call == 1 { _ = third.wait(timeout: .now() + 20) }
        if call == 3 { third.signal() }
      }
      let trainer = try trainer(in: folder, reward)
      let start = ContinuousClock.now
      let rollouts = try trainer.drawRollouts()
      #expect((ContinuousClock.now - start) / .seconds(1) < 15)
      #expect(rollouts.map(\.position) == Array(0..<6))
      #expect(rollouts.allSatisfy { $0.rewards.count == 4 && $0.components.count == 1 })
    }
  }

  @Test func aRewardThatFailsEndsTheDrawingSoon() throws {
    try withScratchFolder { folder in
      struct Failure: Error {}
      let reward = SlowReward { call in if call == 2 { throw Failure() } }
      let trainer = try trainer(in: folder, reward) { $0.method.promptsPerEpoch = 40 }
      #expect(throws: Failure.self) { try trainer.drawRollouts() }
      #expect(reward.callCount < 8)
    }
  }

  @Test func aRunThatIsToStopWaitsForScoresHalfTheGracePeriodAtMost() throws {
    try withScratchFolder { folder in
      let stop = StopRequest()
      let end = DispatchSemaphore(value: 0)
      let reward = SlowReward { call in
        guard call == 3 else { return }
        stop.raise()
        _ = end.wait(timeout: .now() + 30)
      }
      let trainer = try trainer(in: folder, reward, stop: stop) {
        $0.cluster.gracePeriod = 2
        $0.scoring.parallelPrompts = 1
      }
      let start = ContinuousClock.now
      #expect(try trainer.run() == .preempted)
      #expect((ContinuousClock.now - start) / .seconds(1) < 15)
      end.signal()
      // What was scored is saved; the rest is drawn again.
      #expect(trainer.inFlight.map(\.position) == [0, 1])
      let resumed = try self.trainer(in: folder, SlowReward { _ in })
      #expect(resumed.inFlight.map(\.rewards) == trainer.inFlight.map(\.rewards))
    }
  }

  @Test func theRecordTellsWaitingForScoresFromScoring() throws {
    try withScratchFolder { folder in
      let trainer = try trainer(in: folder, SlowReward { _ in usleep(100_000) }) {
        $0.scoring.parallelPrompts = 6
        $0.method.innerSteps = 2
      }
      let records = try trainer.runEpoch()
      // Six at once: a second of scoring takes a fraction of it.
      #expect((0.6..<5).contains(records[0].seconds.scoring))
      #expect(records[0].seconds.reward < records[0].seconds.scoring)
      #expect(records[1].seconds.scoring == 0 && records[1].seconds.reward == 0)
    }
  }
}
