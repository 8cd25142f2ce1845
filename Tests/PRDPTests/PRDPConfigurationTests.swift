import Diffusion
import PRDP
import Testing

@Suite struct PRDPConfigurationTests {
  @Test(arguments: [
    ("all with noise", SchedulerConfiguration(), 0, [0, 1, 2, 3]),
    ("without the last two", SchedulerConfiguration(), 2, [0, 1]),
    ("without the one that has no noise", SchedulerConfiguration(stepsOffset: 0), 0, [0, 1, 2]),
    (
      "the last left out has no noise anyway", SchedulerConfiguration(stepsOffset: 0), 1, [0, 1, 2]
    ),
  ])
  func stepsEnterTheLoss(
    name: String, scheduler: SchedulerConfiguration, omitted: Int, expected: [Int]
  ) throws {
    let configuration = try PRDPConfiguration(
      beta: 1, clipRange: 1, reduction: .mean, omittedLastStepCount: omitted)
    let plan = try SamplingPlan(scheduler, stepCount: 4, eta: 1)
    #expect(try configuration.trainedStepIndices(of: plan) == expected)
  }

  @Test(arguments: [(4, 1.0), (9, 1.0), (0, 0.0)])
  func leavingOutEveryStepIsAnError(omitted: Int, eta: Double) throws {
    let configuration = try PRDPConfiguration(
      beta: 1, clipRange: 1, reduction: .mean, omittedLastStepCount: omitted)
    let plan = try SamplingPlan(SchedulerConfiguration(), stepCount: 4, eta: eta)
    #expect(throws: PRDPError.nothingToTrain(stepCount: 4, omittedLastStepCount: omitted)) {
      try configuration.trainedStepIndices(of: plan)
    }
  }

  @Test(arguments: [
    (0.0, 1.0, 0, "beta must be above 0 and finite, got 0.0"),
    (1, -1, 0, "clipRange must be above 0 and finite, got -1.0"),
    (1, .infinity, 0, "clipRange must be above 0 and finite, got inf"),
    (1, 1, -1, "omitLastSteps must be 0 or more, got -1"),
  ])
  func valuesOutOfRangeAreRefused(beta: Double, clipRange: Double, omitted: Int, message: String) {
    let error = #expect(throws: PRDPError.self) {
      try PRDPConfiguration(
        beta: beta, clipRange: clipRange, reduction: .sum, omittedLastStepCount: omitted)
    }
    #expect(error?.description == message)
  }
}
