import ClusterConfiguration
import Foundation
import Images
import PRDP
import Rewards
import Synchronization
import Testing

@testable import Training

@Suite(.serialized) struct MissingScoreTests {
  /// Scores by place, but for one image of every so many, and counts what it is asked.
  private final class LapsingReward: Reward {
    let name = "lapsing"
    private let lapses: Int
    private let counter = Mutex(0)

    var imageCount: Int { counter.withLock { $0 } }

    /// - Parameter lapses: Of so many images the last has no score; 0: each has one.
    init(lapses: Int) {
      self.lapses = lapses
    }

    func score(_ images: [Image], prompts: [String]) -> [Score] {
      images.indices.map { index in
        let count = counter.withLock { counter in
          counter += 1
          return counter
        }
        return lapses > 0 && count % lapses == 0
          ? .missing(reason: "a lapse") : .value(Double(index * index % 5))
      }
    }
  }

  /// A run of two epochs with two prompts of four images and three steps each.
  private func trainer(
    _ output: String, in folder: String, _ reward: LapsingReward, maxMissingFraction: Double,
    resume: Trainer.Resume = .latest, change: (inout RunConfiguration) -> Void = { _ in }
  ) throws -> Trainer {
    var configuration = try DebugFixture.configuration(in: folder)
    configuration.run.output = "\(folder)/\(output)"
    configuration.checkpoint.everySteps = 1
    configuration.checkpoint.keep = 10
    configuration.scoring.maxMissingFraction = maxMissingFraction
    // Which image lapses depends on their order.
    configuration.scoring.parallelPrompts = 1
    change(&configuration)
    let trainer = try Trainer(
      configuration, communicator: DebugFixture.world(), device: .cpu, resume: resume)
    trainer.reward = try WeightedReward([.init(reward, weight: 2)])
    return trainer
  }

  private func weights(_ trainer: Trainer) throws -> [[Float]] {
    try trainer.policy.trainable.map { try $0.tensor.values() }
  }

  private func records(_ trainer: Trainer, _ kind: String) throws -> [[String: Any]] {
    try text(of: "\(trainer.configuration.run.output)/metrics.jsonl").split(separator: "\n")
      .compactMap { try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any] }
      .filter { $0["kind"] as? String == kind }
  }

  @Test func stepsAreTakenOnTheRestAndTheRecordsCountWhatIsMissing() throws {
    try withScratchFolder { folder in
      let trainer = try trainer(
        "run", in: folder, LapsingReward(lapses: 4), maxMissingFraction: 0.25)
      let rollouts = try trainer.drawRollouts()
      #expect(rollouts.map(\.rewards) == [[0, 2, 8, nil], [0, 2, 8, nil]])
      #expect(rollouts.map(\.components) == [[[0, 1, 4, nil]], [[0, 1, 4, nil]]])
      let objectives = try trainer.averageGradient(rollouts, inner: 0)
      #expect(objectives.map { ($0 as? PromptObjective)?.untiedPairCount } == [3, 3])

      #expect(try trainer.run() == .completed)
      let steps = try records(trainer, "step")
      #expect(steps.map { $0["missingScores"] as? Int } == Array(repeating: 2, count: 6))
      #expect(steps.allSatisfy { $0["rewardMean"] as? Double == 10.0 / 3 })
      let components = try #require(steps[0]["components"] as? [String: Double])
      #expect(abs((components["lapsing"] ?? 0) - 5.0 / 3) < 1e-15)
    }
  }

  @Test func aRunSavedWithMissingScoresGoesOnToTheSameBits() throws {
    try withScratchFolder { folder in
      let straight = try trainer(
        "straight", in: folder, LapsingReward(lapses: 4), maxMissingFraction: 0.25)
      #expect(try straight.run() == .completed)
      let expected = try records(straight, "step")
      for step in [1, 5] {
        let resumed = try trainer(
          "from-\(step)", in: folder, LapsingReward(lapses: 4), maxMissingFraction: 0.25,
          resume: .checkpoint(
            path: "\(straight.configuration.run.output)/checkpoints/step-0000000\(step)"))
        #expect(try resumed.run() == .completed)
        #expect(try weights(resumed) == weights(straight))
        for (found, expected) in zip(try records(resumed, "step"), expected[step...]) {
          for key in ["missingScores", "rewardMean", "rewardDeviation"] {
            #expect(found[key] as? Double == expected[key] as? Double, "\(key)")
          }
          #expect(
            found["components"] as? [String: Double] == expected["components"] as? [String: Double])
        }
      }
    }
  }

  @Test func tooManyStopTheRunWithACheckpointThatAsksAgainForThoseAlone() throws {
    try withScratchFolder { folder in
      let straight = try trainer(
        "straight", in: folder, LapsingReward(lapses: 0), maxMissingFraction: 0)
      #expect(try straight.run() == .completed)

      // Of the first epoch's eight images the seventh is missing, which is one of the second prompt.
      let stopped = try trainer(
        "stopped", in: folder, LapsingReward(lapses: 7), maxMissingFraction: 0.1)
      #expect(
        try stopped.run()
          == .failed(
            "1 of 8 images of epoch 1 have no score; lapsing: a lapse; scoring.maxMissingFraction "
              + "allows 0.1 of them: see to the reward, and go on with --resume latest, which asks "
              + "again for what is missing", exitStatus: 1))
      let store = stopped.checkpoints(in: "\(stopped.configuration.run.output)/checkpoints")
      let newest = try #require(try store.newestValid())
      #expect(newest.step == 0)

      let healthy = LapsingReward(lapses: 0)
      let resumed = try trainer("stopped", in: folder, healthy, maxMissingFraction: 0.1)
      #expect(resumed.inFlight.map(\.position) == [0])
      #expect(try resumed.run() == .completed)
      #expect(healthy.imageCount == 12)
      #expect(try weights(resumed) == weights(straight))
    }
  }

  /// A reward that is not asked.
  private struct NamedReward: Reward {
    let name: String

    func score(_ images: [Image], prompts: [String]) -> [Score] { [] }
  }

  @Test func ofEachWatchedRewardCountAndReasonAreSaidAndOfNoneElse() throws {
    let terms = [("a", 1.0), ("b", 0), ("c", -2), ("d", 0)].map {
      WeightedReward.Term(NamedReward(name: $0), weight: $1)
    }
    let reward = try WeightedReward(terms)
    /// What is missing, by reward.
    func missing(_ reasons: [[String?]]) -> MissingScores {
      var missing = MissingScores()
      let components = reasons.map { $0.map { $0.map(Score.missing(reason:)) ?? .value(1) } }
      missing.note(
        WeightedScores(components: components, weights: terms.map(\.weight)), of: reward)
      return missing
    }
    let ranks = [
      missing([[nil, nil], ["no room", "no time"], [nil, nil], [nil, nil]]),
      missing([["late", nil], [nil, "dark"], ["torn", nil], [nil, nil]]),
    ]
    #expect(ranks.textOfSummed == "rank 1: a: late; c: torn")
    let watched = ranks.watched
    #expect(watched.count == 1 && watched[0].reward == "b" && watched[0].count == 3)
    #expect(watched.first?.text == "rank 0: no room, and 1 more; rank 1: dark")
    #expect(Array(ranks[1...]).textOfSummed == "a: late; c: torn")
    #expect(Array(ranks[..<1]).textOfSummed == "")
    #expect(try ranks[1].ofAllRanks(DebugFixture.world()) == [ranks[1]])
  }

  @Test func aRankThatLacksTooManyDrawsNoFurther() throws {
    try withScratchFolder { folder in
      let reward = LapsingReward(lapses: 1)
      let trainer = try trainer("run", in: folder, reward, maxMissingFraction: 0.05) {
        $0.method.promptsPerEpoch = 16
      }
      guard case .failed(let reason, 1) = try trainer.run() else {
        Issue.record("the run went on")
        return
      }
      #expect(reason.contains(" of 64 images of epoch 1 have no score; lapsing: a lapse, and "))
      // Some more may have been drawn before the first was known to have none.
      #expect(reward.imageCount < 40)
    }
  }

  @Test func anEvaluationLeavesThemOutAndCountsThem() throws {
    try withScratchFolder { folder in
      func trainer(_ output: String, maxMissingFraction: Double) throws -> Trainer {
        try self.trainer(
          output, in: folder, LapsingReward(lapses: 4), maxMissingFraction: maxMissingFraction
        ) {
          $0.evaluation.sets = [.init(name: "some", prompts: $0.data.prompts[0].path)]
          $0.evaluation.imagesPerSet = 8
          $0.logging.sampleImages = 4
        }
      }
      let results = try trainer("run", maxMissingFraction: 0.25).evaluate(.before)
      // 0, 2, 8 twice: the mean of six, and their standard error.
      #expect(results[0].count == 8)
      #expect(abs(results[0].reward - 10.0 / 3) < 1e-12)
      let squares = 2 * (100.0 / 9 + 16.0 / 9 + 196.0 / 9)
      #expect(abs(results[0].standardError - (squares / 5 / 6).squareRoot()) < 1e-12)

      let strict = try trainer("strict", maxMissingFraction: 0.2)
      guard case .failed(let reason, 1) = try strict.run() else {
        Issue.record("the run went on")
        return
      }
      #expect(
        reason.hasPrefix("2 of 8 images of the evaluation before some have no score; lapsing: "))
    }
  }
}
