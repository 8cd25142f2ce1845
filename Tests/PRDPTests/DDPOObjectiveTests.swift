import Foundation
import PRDP
import Testing

@Suite struct DDPOObjectiveTests {
  // B = 2, S = 2, eps = .1, A = (2, -1), rho = (1.2, .95; .8, 1.05).
  // A = 2: terms max(-2.4, -2.2) = -2.2 (clipped), max(-1.9, -1.9) = -1.9.
  // A = -1: max(.8, .9) = .9 (clipped), max(1.05, 1.05) = 1.05. The mean is -2.15 / 4.
  // w = -A rho / 4 where not clipped: (0, -.475; 0, .2625).
  @Test func twoTrajectoriesByHand() throws {
    let zero = StepMatrix(trajectoryCount: 2, stepCount: 2, values: [0, 0, 0, 0])
    let trained = StepMatrix(
      trajectoryCount: 2, stepCount: 2, values: [1.2, 0.95, 0.8, 1.05].map { log($0) })
    let objective = try DDPOObjective(
      logProbabilities: trained, old: zero, reference: zero, advantages: [2, -1], clipRange: 0.1)
    #expect(isClose(objective.loss, -2.15 / 4, within: 1e-12))
    for (weight, expected) in zip(objective.weights.values, [0, -0.475, 0, 0.2625]) {
      #expect(isClose(weight, expected, within: 1e-12))
    }
    #expect(objective.clipFraction == 0.5)
    #expect(
      objective.logRatios
        == [trained[0, 0] + trained[0, 1], trained[1, 0] + trained[1, 1]].map { $0 / 2 })
  }

  @Test(arguments: [0.3, nil])
  func weightsAreTheDerivativesOfTheLoss(clipRange: Double?) throws {
    let prompt = Prompt(trajectoryCount: 6, stepCount: 4, seed: 1)
    var advantages: [Double?] = prompt.rewards
    advantages[2] = nil
    func objective(_ trained: StepMatrix) throws -> DDPOObjective {
      try DDPOObjective(
        logProbabilities: trained, old: prompt.old, reference: prompt.reference,
        advantages: advantages, clipRange: clipRange)
    }
    let weights = try objective(prompt.trained).weights
    let nudge = 1e-6
    for i in 0..<6 {
      for t in 0..<4 {
        var (above, below) = (prompt.trained, prompt.trained)
        above[i, t] += nudge
        below[i, t] -= nudge
        let slope = try (objective(above).loss - objective(below).loss) / (2 * nudge)
        #expect(isClose(slope, weights[i, t], within: 1e-7), "trajectory \(i), step \(t)")
        if i == 2 { #expect(weights[i, t] == 0) }
      }
    }
    let zeroCount = weights.values.count { $0 == 0 }
    #expect(clipRange == nil ? zeroCount == 4 : zeroCount > 4)
  }

  @Test func atTheFirstStepTheWeightsAreTheAdvantages() throws {
    let prompt = Prompt(trajectoryCount: 4, stepCount: 2, seed: 2)
    let advantages = [1, -0.5, 0, 2.5]
    let objective = try DDPOObjective(
      logProbabilities: prompt.old, old: prompt.old, reference: prompt.reference,
      advantages: advantages, clipRange: 1e-4)
    #expect(objective.clipFraction == 0)
    let expected = advantages.flatMap { [-$0 / 8, -$0 / 8] }
    for (weight, expected) in zip(objective.weights.values, expected) {
      #expect(isClose(weight, expected, within: 1e-15))
    }
  }

  @Test func aMissingScoreIsLeftOutOfTheMean() throws {
    let prompt = Prompt(trajectoryCount: 3, stepCount: 2, seed: 3)
    func first(_ matrix: StepMatrix) -> StepMatrix {
      StepMatrix(trajectoryCount: 2, stepCount: 2, values: Array(matrix.values.prefix(4)))
    }
    let missing = try DDPOObjective(
      logProbabilities: prompt.trained, old: prompt.old, reference: prompt.reference,
      advantages: [1, -2, nil], clipRange: 0.2)
    let without = try DDPOObjective(
      logProbabilities: first(prompt.trained), old: first(prompt.old),
      reference: first(prompt.reference), advantages: [1, -2],
      clipRange: 0.2)
    #expect(missing.loss == without.loss)
    #expect(Array(missing.weights.values.prefix(4)) == without.weights.values)
    let none = try DDPOObjective(
      logProbabilities: prompt.trained, old: prompt.old, reference: prompt.reference,
      advantages: [nil, nil, nil],
      clipRange: 0.2)
    #expect(none.loss == 0 && none.weights.values.allSatisfy { $0 == 0 })
  }

  @Test func aLogProbabilityThatIsNotFiniteIsRefused() throws {
    var prompt = Prompt(trajectoryCount: 2, stepCount: 2, seed: 4)
    prompt.trained[1, 0] = .nan
    #expect(throws: PRDPError.self) {
      try DDPOObjective(
        logProbabilities: prompt.trained, old: prompt.old, reference: prompt.reference,
        advantages: [1, -1], clipRange: nil)
    }
  }
}

@Suite struct RewardHistoryTests {
  @Test func rewardsAreNormalisedWithinTheirScale() {
    let scale = RewardScale([1, 3])
    #expect(scale.mean == 2 && scale.deviation == 1)
    #expect(isClose(scale.advantage(of: 3, limit: 5), 1 / 1.000001, within: 1e-12))
    #expect(scale.advantage(of: 100, limit: 5) == 5)
    #expect(scale.advantage(of: -100, limit: 5) == -5)
    #expect(RewardScale([4, 4, 4]).advantage(of: 4, limit: 5) == 0)
  }

  @Test func aPromptWithFewRewardsTakesTheEpochs() {
    var history = RewardHistory()
    let rewards: [[Double?]] = [[0, 2], [4, nil]]
    history.append(rewards, prompts: [7, 9])
    let advantages = history.advantages(of: rewards, prompts: [7, 9], limit: 5)
    let epoch = RewardScale([0, 2, 4])
    let expected: [[Double?]] = [
      [epoch.advantage(of: 0, limit: 5), epoch.advantage(of: 2, limit: 5)],
      [epoch.advantage(of: 4, limit: 5), nil],
    ]
    #expect(advantages == expected)
  }

  @Test func aPromptWithEnoughRewardsHasItsOwnScale() {
    var history = RewardHistory()
    let own = (0..<16).map { Double($0) }
    let rewards: [[Double?]] = [own, Array(repeating: 100, count: 16)]
    history.append(rewards, prompts: [0, 1])
    let advantages = history.advantages(of: rewards, prompts: [0, 1], limit: 5)
    let scale = RewardScale(own)
    #expect(advantages[0] == own.map { scale.advantage(of: $0, limit: 5) })
    #expect(advantages[1].allSatisfy { $0 == 0 })
  }

  @Test func theOldestRewardsAreForgotten() throws {
    var history = RewardHistory()
    for value in 0..<40 { history.append([[Double(value)]], prompts: [3]) }
    var newest = RewardHistory()
    newest.append([(8..<40).map { Double($0) }], prompts: [3])
    #expect(history == newest)
    let saved = try JSONDecoder().decode(RewardHistory.self, from: JSONEncoder().encode(history))
    #expect(saved == history)
  }
}
