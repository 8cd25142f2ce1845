import PRDP
import Testing

@Suite struct PromptObjectiveTests {
  static let shapes: [(trajectoryCount: Int, stepCount: Int)] = [(2, 1), (3, 4), (8, 5), (16, 2)]

  // B = 2, S = 1, beta = 2, eps = .1, r = (3, 1), so the target of the pair is 1.
  // delta = (.5, -.05) is clipped to (.1, -.05).
  // u = (.5 + .2, -.05 + .1) = (.7, .05); v = (.1 + .2, -.05 + .1) = (.3, .05).
  // e = .65 - 1 = -.35; ec = .25 - 1 = -.75: the clipped branch, loss .5625.
  // h = (2 ec, -2 ec) = (-1.5, 1.5); only the second is inside the range: w = (0, 1.5).
  @Test func twoTrajectoriesByHand() throws {
    func column(_ values: [Double]) -> StepMatrix {
      StepMatrix(trajectoryCount: 2, stepCount: 1, values: values)
    }
    let objective = try PromptObjective(
      logProbabilities: column([-1.5, -2.05]), old: column([-2, -2]),
      reference: column([-2.2, -2.1]), rewards: [3, 1],
      configuration: PRDPConfiguration(
        beta: 2, clipRange: 0.1, reduction: .sum, omittedLastStepCount: 0))
    #expect(isClose(objective.loss, 0.5625, within: 1e-12))
    #expect(zip(objective.logRatios, [0.7, 0.05]).allSatisfy { isClose($0, $1, within: 1e-12) })
    #expect(
      zip(objective.deltas.values, [0.5, -0.05]).allSatisfy { isClose($0, $1, within: 1e-12) })
    #expect(zip(objective.weights.values, [0, 1.5]).allSatisfy { isClose($0, $1, within: 1e-12) })
    #expect(objective.untiedPairCount == 1)
    #expect(objective.tiedPairFraction == 0)
    #expect(objective.clippedPairFraction == 1)
    #expect(objective.clipFraction == 0.5)
  }

  @Test(arguments: shapes)
  func weightsAreTheDerivativesOfTheLoss(trajectoryCount: Int, stepCount: Int) throws {
    var prompt = Prompt(trajectoryCount: trajectoryCount, stepCount: stepCount, seed: 1)
    // One tie, so that the pairs left out count in the derivative too.
    if trajectoryCount > 2 { prompt.rewards[0] = prompt.rewards[1] }
    let weights = try prompt.objective().weights
    let nudge = 1e-6
    for i in 0..<trajectoryCount {
      for t in 0..<stepCount {
        var (above, below) = (prompt, prompt)
        above.trained[i, t] += nudge
        below.trained[i, t] -= nudge
        let slope = try (above.objective().loss - below.objective().loss) / (2 * nudge)
        #expect(isClose(slope, weights[i, t], within: 1e-7), "trajectory \(i), step \(t)")
      }
    }
  }

  @Test func bothBranchesOccurInTheDerivativesTested() throws {
    let objective = try Prompt(trajectoryCount: 8, stepCount: 5, seed: 1).objective()
    #expect((0.1...0.9).contains(objective.clippedPairFraction))
    #expect((0.1...0.9).contains(objective.clipFraction))
  }

  @Test(arguments: shapes)
  func swappingEveryPairLeavesTheLossUnchanged(trajectoryCount: Int, stepCount: Int) throws {
    let prompt = Prompt(trajectoryCount: trajectoryCount, stepCount: stepCount, seed: 2)
    let order = Array((0..<trajectoryCount).reversed())
    var swapped = prompt
    swapped.trained = prompt.trained.reordered(order)
    swapped.old = prompt.old.reordered(order)
    swapped.reference = prompt.reference.reordered(order)
    swapped.rewards = order.map { prompt.rewards[$0] }
    let (one, other) = try (prompt.objective(), swapped.objective())
    #expect(isClose(one.loss, other.loss, within: 1e-12))
    for (a, b) in zip(one.weights.reordered(order).values, other.weights.values) {
      #expect(isClose(a, b, within: 1e-12))
    }
  }

  @Test func theMaximiserHasNoLossAndNoGradient() throws {
    var prompt = Prompt(trajectoryCount: 6, stepCount: 3, seed: 3)
    let beta = 0.25
    prompt.old = StepMatrix(trajectoryCount: 6, stepCount: 3) { i, t in
      // Any spread over the steps will do, as long as the mean is r / beta plus a constant.
      prompt.reference[i, t] + (prompt.rewards[i] ?? 0) / beta + 7 + Double(t - 1)
    }
    prompt.trained = prompt.old
    let objective = try prompt.objective(beta: beta)
    #expect(objective.loss < 1e-24)
    #expect(objective.weights.values.allSatisfy { abs($0) < 1e-12 })
  }

  @Test func aConstantAddedToAllRewardsChangesNothing() throws {
    var prompt = Prompt(trajectoryCount: 8, stepCount: 4, seed: 4)
    let before = try prompt.objective()
    prompt.rewards = prompt.rewards.map { $0.map { $0 + 64 } }
    let after = try prompt.objective()
    #expect(isClose(before.loss, after.loss, within: 1e-12))
    for (a, b) in zip(before.weights.values, after.weights.values) {
      #expect(isClose(a, b, within: 1e-12))
    }
  }

  @Test func aConstantAddedToATrajectoryOfEveryPolicyChangesNothing() throws {
    let prompt = Prompt(trajectoryCount: 8, stepCount: 4, seed: 5)
    let shift = StepMatrix(trajectoryCount: 8, stepCount: 4) { i, t in Double(3 * i - t) }
    var shifted = prompt
    shifted.trained = prompt.trained + shift
    shifted.old = prompt.old + shift
    shifted.reference = prompt.reference + shift
    #expect(isClose(try prompt.objective().loss, try shifted.objective().loss, within: 1e-12))
  }

  @Test func weightsOfAPromptSumToZeroWithoutClipping() throws {
    let objective = try Prompt(trajectoryCount: 8, stepCount: 4, seed: 6).objective(clipRange: 100)
    #expect(abs(objective.weights.values.reduce(0, +)) < 1e-12)
  }

  @Test func atTheFirstStepTheClipRangeDoesNothing() throws {
    let prompt = Prompt(trajectoryCount: 8, stepCount: 4, seed: 7)
    let objectives = try [1e-6, 0.1, 1e6].map { clipRange in
      try PromptObjective(
        firstStepWithOld: prompt.old, reference: prompt.reference, rewards: prompt.rewards,
        configuration: PRDPConfiguration(
          beta: 0.5, clipRange: clipRange, reduction: .mean, omittedLastStepCount: 0))
    }
    #expect(objectives[0] == objectives[1])
    #expect(objectives[0] == objectives[2])
    #expect(objectives[0].clipFraction == 0)
    #expect(objectives[0].clippedPairFraction == 0)
  }

  @Test func withoutClippingTheLossIsTwiceTheVarianceOfTheResidual() throws {
    let prompt = Prompt(trajectoryCount: 8, stepCount: 4, seed: 8)
    let objective = try prompt.objective(beta: 0.5, clipRange: 1e6)
    let residuals = zip(objective.logRatios, prompt.rewards).map { $0 - ($1 ?? 0) / 0.5 }
    let mean = residuals.reduce(0, +) / 8
    let variance = residuals.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 7
    #expect(isClose(objective.loss, 2 * variance, within: 1e-12))
  }

  @Test func clippingNeverLowersTheLoss() throws {
    for seed in 0..<50 {
      let prompt = Prompt(trajectoryCount: 6, stepCount: 3, seed: UInt64(seed))
      let free = try prompt.objective(clipRange: 1e6).loss
      #expect(try prompt.objective(clipRange: 0.3).loss >= free)
    }
  }

  // Targets of 1e4 over deltas of 1e-6: e^2 and ec^2 are equal to about 1e-10 relative, and in
  // float32 altogether. Each pair's branch is the one that keeps the larger |e|.
  @Test(arguments: [(3e-6, 0.03), (3e-6, -0.03), (3e-5, 0.3)])
  func theBranchOfAHugeTargetIsDecidedWithoutCancellation(beta: Double, gap: Double) throws {
    let zero = StepMatrix(trajectoryCount: 2, stepCount: 1, values: [0, 0])
    // The first trajectory's delta is 2 eps, the second's eps / 2. x = (eps, 0): the unclipped
    // difference u_1 - u_2 is larger by eps. Against a target far above, that is a smaller |e|.
    let eps = 1e-6
    let objective = try PromptObjective(
      logProbabilities: StepMatrix(trajectoryCount: 2, stepCount: 1, values: [2 * eps, eps / 2]),
      old: zero, reference: zero, rewards: [gap, 0],
      configuration: PRDPConfiguration(
        beta: beta, clipRange: eps, reduction: .mean, omittedLastStepCount: 0))
    #expect(objective.clippedPairFraction == (gap > 0 ? 1 : 0))
    // The clipped branch has no gradient for the trajectory outside of the range.
    #expect((objective.weights[0, 0] == 0) == (gap > 0))
    #expect(objective.weights[1, 0] != 0)
    #expect(isClose(objective.loss, gap / beta * gap / beta, within: 1e-9))
  }

  @Test func aDeltaOfExactlyTheClipRangeIsClippedButChangesNoBranch() throws {
    let zero = StepMatrix(trajectoryCount: 2, stepCount: 1, values: [0, 0])
    let objective = try PromptObjective(
      logProbabilities: StepMatrix(trajectoryCount: 2, stepCount: 1, values: [0.5, 0]),
      old: zero, reference: zero, rewards: [1, 0],
      configuration: PRDPConfiguration(
        beta: 1, clipRange: 0.5, reduction: .sum, omittedLastStepCount: 0))
    #expect(objective.clipFraction == 0.5)
    #expect(objective.clippedPairFraction == 0)
    #expect(objective.weights.values == [-1, 1])
  }

  @Test func tiedPairsAreLeftOut() throws {
    var prompt = Prompt(trajectoryCount: 4, stepCount: 2, seed: 9)
    prompt.rewards = [1, 1, 1, 2]
    let objective = try prompt.objective()
    #expect(objective.untiedPairCount == 3)
    #expect(objective.tiedPairFraction == 0.5)

    prompt.rewards = [3, 3, 3, 3]
    let tied = try prompt.objective()
    #expect(tied.loss == 0)
    #expect(tied.weights.values.allSatisfy { $0 == 0 })
    #expect(tied.untiedPairCount == 0)
    #expect(tied.tiedPairFraction == 1)
    #expect(tied.clippedPairFraction == 0)
  }

  @Test(arguments: shapes)
  func theLossIsThatOfTheTrajectoriesWithARewardAlone(trajectoryCount: Int, stepCount: Int) throws {
    var prompt = Prompt(trajectoryCount: trajectoryCount + 2, stepCount: stepCount, seed: 12)
    if trajectoryCount > 2 { prompt.rewards[3] = prompt.rewards[2] }
    // The first and the last are missing.
    let kept = Array(1...trajectoryCount)
    var rest = Prompt(trajectoryCount: trajectoryCount, stepCount: stepCount, seed: 0)
    rest.trained = prompt.trained.reordered(kept)
    rest.old = prompt.old.reordered(kept)
    rest.reference = prompt.reference.reordered(kept)
    rest.rewards = kept.map { prompt.rewards[$0] }
    prompt.rewards[0] = nil
    prompt.rewards[trajectoryCount + 1] = nil

    let (objective, expected) = try (prompt.objective(), rest.objective())
    #expect(objective.loss == expected.loss)
    #expect(objective.weights.reordered(kept) == expected.weights)
    for t in 0..<stepCount {
      #expect(objective.weights[0, t] == 0 && objective.weights[trajectoryCount + 1, t] == 0)
    }
    #expect(objective.untiedPairCount == expected.untiedPairCount)
    #expect(objective.clippedPairFraction == expected.clippedPairFraction)
    // Pairs that are left out for a missing reward are not tied.
    let pairCount = Double((trajectoryCount + 2) * (trajectoryCount + 1) / 2)
    #expect(objective.tiedPairFraction == (trajectoryCount > 2 ? 1 / pairCount : 0))
  }

  @Test func weightsAreTheDerivativesOfTheLossWithMissingRewardsToo() throws {
    var prompt = Prompt(trajectoryCount: 7, stepCount: 3, seed: 13)
    prompt.rewards[2] = nil
    prompt.rewards[5] = nil
    let objective = try prompt.objective()
    #expect(objective.untiedPairCount == 10)
    let nudge = 1e-6
    for i in 0..<7 {
      for t in 0..<3 {
        var (above, below) = (prompt, prompt)
        above.trained[i, t] += nudge
        below.trained[i, t] -= nudge
        let slope = try (above.objective().loss - below.objective().loss) / (2 * nudge)
        #expect(isClose(slope, objective.weights[i, t], within: 1e-7), "trajectory \(i), step \(t)")
      }
    }
  }

  @Test(arguments: [0, 1])
  func aPromptWithoutAPairOfRewardsContributesNothing(knownCount: Int) throws {
    var prompt = Prompt(trajectoryCount: 4, stepCount: 2, seed: 14)
    prompt.rewards = (0..<4).map { $0 < knownCount ? 1 : nil }
    let objective = try prompt.objective()
    #expect(objective.loss == 0)
    #expect(objective.weights.values.allSatisfy { $0 == 0 })
    #expect(objective.untiedPairCount == 0)
    #expect(objective.tiedPairFraction == 0)
  }

  // beta_mean = D beta_sum, eps_mean = eps_sum / D: the loss is a D^2-th and so are the weights
  // times D, since the mean's log-probabilities are a D-th of the sum's.
  @Test func meanAndSumAreTheSameMethodInOtherUnits() throws {
    let elements = 1024.0
    let sum = Prompt(trajectoryCount: 8, stepCount: 4, seed: 10)
    var mean = sum
    mean.trained = (1 / elements) * sum.trained
    mean.old = (1 / elements) * sum.old
    mean.reference = (1 / elements) * sum.reference
    let inSum = try sum.objective(beta: 0.5, clipRange: 0.25)
    let inMean = try mean.objective(beta: elements * 0.5, clipRange: 0.25 / elements)
    #expect(isClose(inMean.loss * elements * elements, inSum.loss, within: 1e-12))
    for (a, b) in zip(inMean.weights.values, inSum.weights.values) {
      #expect(isClose(a * elements, b, within: 1e-12))
    }
    #expect(inMean.clipFraction == inSum.clipFraction)
    #expect(inMean.clippedPairFraction == inSum.clippedPairFraction)
  }

  @Test func numbersThatAreNotFiniteAreNamed() throws {
    var prompt = Prompt(trajectoryCount: 3, stepCount: 2, seed: 11)
    prompt.rewards[1] = .nan
    var error = #expect(throws: PRDPError.self) { try prompt.objective() }
    #expect(
      error?.description
        == "the reward of image 1 of a prompt must be finite, got nan: check the reward model")

    prompt.rewards[1] = 0
    prompt.reference[2, 1] = -.infinity
    error = #expect(throws: PRDPError.self) { try prompt.objective() }
    #expect(
      error?.description
        == "the log-probability under the reference policy of image 2 of a prompt at trained step 1 "
        + "must be finite, got -inf: lower the learning rate or use float32")
  }
}
