import Diffusion
import PRDP
import Testing

@Suite struct CalibrationTests {
  // One prompt, r = (1, 3): variance 2. S = 2 steps; |delta| is 3, 4, 3, 4 nats: mean square 12.5.
  static let samples = [
    Calibration.Samples(
      rewards: [1, 3],
      logRatios: StepMatrix(trajectoryCount: 2, stepCount: 2, values: [3, -4, -3, 4]))
  ]

  @Test func aPromptByHand() throws {
    var aims = Calibration.Aims()
    aims.wantedKL = 2
    aims.wantedLogRatio = 0.5
    aims.wantedClipFraction = 0
    let calibration = try Calibration(
      samples: Self.samples, trialLearningRate: 1e-3, reduction: .sum, latentElementCount: 64,
      aims: aims)
    #expect(isClose(calibration.rewardSpread, 2.0.squareRoot(), within: 1e-12))
    #expect(isClose(calibration.trialLogRatio, 12.5.squareRoot(), within: 1e-12))
    // 2 steps, spread sqrt(2), sqrt(2 * 2 nats) = 2.
    #expect(isClose(calibration.beta, 2.0.squareRoot(), within: 1e-12))
    // k is sqrt(13.5) - 1 after the trial and sqrt(1.25) - 1 as wanted.
    let ratio = ((1.25.squareRoot() - 1) / (13.5.squareRoot() - 1)).squareRoot()
    #expect(isClose(calibration.learningRate, 1e-3 * ratio, within: 1e-12))
    // The largest |delta|, 4, times .5 / sqrt(12.5).
    #expect(isClose(calibration.clipRange, 2 / 12.5.squareRoot(), within: 1e-12))
  }

  @Test func meanAndSumSuggestTheSameRun() throws {
    let inSum = try Calibration(
      samples: Self.samples, trialLearningRate: 1e-3, reduction: .sum, latentElementCount: 64)
    let inMean = try Calibration(
      samples: Self.samples.map {
        Calibration.Samples(rewards: $0.rewards, logRatios: (1 / 64) * $0.logRatios)
      }, trialLearningRate: 1e-3, reduction: .mean, latentElementCount: 64)
    #expect(isClose(inMean.beta, 64 * inSum.beta, within: 1e-12))
    #expect(isClose(inMean.clipRange, inSum.clipRange / 64, within: 1e-12))
    #expect(isClose(inMean.learningRate, inSum.learningRate, within: 1e-12))
  }

  @Test func differencesBetweenPromptsDoNotCount() throws {
    let shifted = Calibration.Samples(
      rewards: Self.samples[0].rewards.map { $0.map { $0 + 100 } },
      logRatios: Self.samples[0].logRatios)
    let calibration = try Calibration(
      samples: Self.samples + [shifted], trialLearningRate: 1e-3, reduction: .sum,
      latentElementCount: 64)
    #expect(isClose(calibration.rewardSpread, 2.0.squareRoot(), within: 1e-12))
  }

  @Test func anImageWithoutAScoreTellsNothingOfTheSpread() throws {
    let samples = Calibration.Samples(
      rewards: [1, nil, 3],
      logRatios: StepMatrix(trajectoryCount: 3, stepCount: 2, values: [3, -4, 3, -4, -3, 4]))
    let alone = Calibration.Samples(
      rewards: [5, nil, nil], logRatios: samples.logRatios)
    let calibration = try Calibration(
      samples: [alone, samples], trialLearningRate: 1e-3, reduction: .sum, latentElementCount: 64)
    #expect(isClose(calibration.rewardSpread, 2.0.squareRoot(), within: 1e-12))
    #expect(
      throws: PRDPError.cannotCalibrate(
        reason: "no prompt has two images with a score; sample at least two")
    ) {
      try Calibration(
        samples: [alone], trialLearningRate: 1, reduction: .sum, latentElementCount: 1)
    }
  }

  // A mean moved by m standard deviations: delta = z m - m^2 / 2 with z normal. Whatever the trial's
  // learning rate, the suggestion is the one that moves by wantedLogRatio.
  @Test(arguments: [0.01, 0.3, 1, 4])
  func theSuggestedLearningRateDoesNotDependOnTheTrial(trial: Double) throws {
    var numbers = SampledNumbers(seed: 12)
    let standardDeviationsPerLearningRate = 2.0
    let m = standardDeviationsPerLearningRate * trial
    let logRatios = StepMatrix(
      trajectoryCount: 2000, stepCount: 4,
      values: (0..<8000).map { _ in numbers.normal() * m - m * m / 2 })
    let rewards = (0..<2000).map { _ in numbers.normal() }
    let calibration = try Calibration(
      samples: [.init(rewards: rewards, logRatios: logRatios)], trialLearningRate: trial,
      reduction: .sum, latentElementCount: 1)
    let wanted = (2 * (1.01.squareRoot() - 1)).squareRoot() / standardDeviationsPerLearningRate
    #expect(abs(calibration.learningRate / wanted - 1) < 0.03)
    // The normal distribution has a tenth beyond 1.645 standard deviations; less exact after a long
    // trial step, where the mean's shift counts.
    #expect(abs(calibration.clipRange / (1.645 * 0.1) - 1) < (trial < 0.1 ? 0.04 : 0.3))
  }

  @Test(arguments: [
    ("no prompt", [], "no prompt has two images with a score; sample at least two"),
    (
      "equal rewards",
      [
        Calibration.Samples(
          rewards: [1, 1], logRatios: StepMatrix(trajectoryCount: 2, stepCount: 1, values: [1, 1]))
      ], "all images of a prompt have the same reward; sample more, or use a finer reward"
    ),
    (
      "nothing moved",
      [
        Calibration.Samples(
          rewards: [1, 2], logRatios: StepMatrix(trajectoryCount: 2, stepCount: 1, values: [0, 0]))
      ], "the trial step moved nothing; raise its learning rate"
    ),
    (
      "a NaN",
      [
        Calibration.Samples(
          rewards: [1, .nan],
          logRatios: StepMatrix(trajectoryCount: 2, stepCount: 1, values: [1, 1]))
      ], "a reward or a log-ratio is not finite; check the model"
    ),
  ])
  func samplesThatTellNothingAreRefused(
    name: String, samples: [Calibration.Samples], reason: String
  ) {
    #expect(throws: PRDPError.cannotCalibrate(reason: reason)) {
      try Calibration(
        samples: samples, trialLearningRate: 1, reduction: .sum, latentElementCount: 1)
    }
  }
}
