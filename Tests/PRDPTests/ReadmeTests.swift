import PRDP
import Testing

struct ReadmeTests {
  /// The example as README.md has it. Worked by hand: the log-ratios to the reference are -0.1 and
  /// 0.2, the reward difference over beta is 1.4, and (-0.3 - 1.4)^2 is 2.89, clipped or not.
  @Test func theExampleComputesTheLossOfOnePair() throws {
    func matrix(_ values: [Double]) -> StepMatrix {
      StepMatrix(trajectoryCount: 2, stepCount: 1, values: values)
    }
    let objective = try PromptObjective(
      logProbabilities: matrix([-10.1, -9.8]), old: matrix([-10.0, -9.9]),
      reference: matrix([-10.0, -10.0]), rewards: [0.9, 0.2],
      configuration: PRDPConfiguration(
        beta: 0.5, clipRange: 0.1, reduction: .sum, omittedLastStepCount: 0))
    #expect(abs(objective.loss - 2.89) < 1e-12)
  }
}
