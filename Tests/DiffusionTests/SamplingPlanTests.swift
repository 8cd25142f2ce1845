import Diffusion
import Testing

@Suite struct SamplingPlanTests {
  /// One training timestep before another, with numbers that a person can follow.
  let twoSteps = SchedulerConfiguration(
    trainTimestepCount: 2, trainedBetas: [0.36, 0.75], stepsOffset: 0)

  @Test func aStepByHand() throws {
    // alphabar is .64 and then .16. sigma^2 = (.36 / .84) (1 - .25) = .3214...; x_t's factor is
    // sqrt(.64 / .16) = 2; the noise's is sqrt(.36 - .3214...) - 2 sqrt(.84).
    let step = try #require(SamplingPlan(twoSteps, stepCount: 2, eta: 1).steps.first)
    #expect(step.timestep == 1)
    #expect(abs(step.sigma - 0.5669467) < 1e-6)
    #expect(abs(step.sampleCoefficient - 2) < 1e-6)
    #expect(abs(step.predictionCoefficient - (0.1963961 - 1.8330303)) < 1e-6)
  }

  @Test func everyStepIsThatOfDiffusers() throws {
    for golden in try ScheduleFixture.load().plans {
      let plan = try SamplingPlan(golden.config, stepCount: golden.count, eta: golden.eta)
      #expect(plan.steps.count == golden.steps.count)
      // EulerAncestralDiscreteScheduler computes in float32, and PyTorch's square root, which zero
      // terminal SNR takes, is off by a unit in the last place at times.
      let isFloat32 = golden.config.kind == .eulerAncestral || golden.config.rescalesToZeroSNR
      let tolerance = isFloat32 ? 1e-5 : 1e-9
      #expect(abs(plan.initialDeviation - (golden.start ?? 1)) < tolerance)
      for (step, values) in zip(plan.steps, golden.steps) {
        let place = "\(golden.testDescription), timestep \(step.timestep)"
        #expect(step.timestep == values[0], "\(place)")
        #expect(abs(step.sampleCoefficient - values[1]) < tolerance, "\(place)")
        #expect(abs(step.predictionCoefficient - values[2]) < tolerance, "\(place)")
        #expect(abs(step.sigma - values[3]) < tolerance, "\(place)")
      }
    }
  }

  @Test func aVelocityGivesTheMeanOfTheNoiseItStandsFor() throws {
    var configuration = SchedulerConfiguration()
    let ofNoise = try SamplingPlan(configuration, stepCount: 20, eta: 0.7)
    configuration.predictionType = .velocity
    let ofVelocity = try SamplingPlan(configuration, stepCount: 20, eta: 0.7)
    let (sample, noise) = (0.3, -1.2)
    for (a, b) in zip(ofNoise.steps, ofVelocity.steps) {
      let clean =
        (sample - (1 - a.alphaCumprod).squareRoot() * noise) / a.alphaCumprod.squareRoot()
      let velocity =
        a.alphaCumprod.squareRoot() * noise - (1 - a.alphaCumprod).squareRoot() * clean
      let mean = a.sampleCoefficient * sample + a.predictionCoefficient * noise
      let same = b.sampleCoefficient * sample + b.predictionCoefficient * velocity
      #expect(abs(mean - same) < 1e-12)
    }
  }

  /// The figures of the KL that one unit of prediction makes, which show the step that dominates.
  @Test(arguments: [
    (10, TimestepSpacing.leading, 0.46...0.9, 34.6), (20, .leading, 0.19...0.65, 14.8),
    (50, .leading, 0.07...0.52, 5.4), (10, .trailing, 0.46...1.05, 68),
    (20, .trailing, 0.19...0.68, 29),
    (50, .trailing, 0.07...0.57, 10),
  ])
  func oneLateStepCarriesMostOfTheKL(
    stepCount: Int, spacing: TimestepSpacing, others: ClosedRange<Double>, peak: Double
  ) throws {
    var configuration = SchedulerConfiguration()
    configuration.timestepSpacing = spacing
    let steps = try SamplingPlan(configuration, stepCount: stepCount, eta: 1).steps
    // (d mu / d prediction)^2 / (2 sigma^2), in nats.
    let kl = steps.map {
      $0.predictionCoefficient * $0.predictionCoefficient / (2 * $0.sigma * $0.sigma)
    }
    let peakIndex = spacing == .leading ? stepCount - 2 : stepCount - 1
    #expect(abs(kl[peakIndex] - peak) / peak < 0.02)
    for (index, value) in kl.enumerated() where index != peakIndex {
      #expect(others.lowerBound - 0.01 <= value && value <= others.upperBound + 0.01, "\(index)")
    }
  }

  @Test(arguments: [
    ("no noise at eta 0", SchedulerConfiguration(), 0.0, [false, false]),
    ("noise at every step", SchedulerConfiguration(), 1, [true, true]),
    ("ends at alphabar 1", SchedulerConfiguration(setAlphaToOne: true), 1, [true, false]),
    ("ends where it began", SchedulerConfiguration(stepsOffset: 0), 1, [true, false]),
  ])
  func aStepWithoutNoiseHasNoLogProbability(
    name: String, configuration: SchedulerConfiguration, eta: Double, expected: [Bool]
  ) throws {
    let steps = try SamplingPlan(configuration, stepCount: 2, eta: eta).steps
    #expect(steps.map(\.hasLogProbability) == expected)
  }

  @Test(arguments: [
    (1.5, 1, "eta must be from 0 to 1, got 1.5"), (-0.1, 1, "eta must be from 0 to 1, got -0.1"),
    (.nan, 1, "eta must be from 0 to 1, got nan"),
    (1, .max, "steps_offset must be from 0 to 1000, got 9223372036854775807"),
    (1, -1, "steps_offset must be from 0 to 1000, got -1"),
  ])
  func valuesOutOfRangeAreRefused(eta: Double, offset: Int, message: String) {
    let error = #expect(throws: DiffusionError.self) {
      try SamplingPlan(SchedulerConfiguration(stepsOffset: offset), stepCount: 10, eta: eta)
    }
    #expect(error?.description == message)
  }
}
