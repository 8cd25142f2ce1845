import ClusterConfiguration
import Diffusion
import PRDP
import Testing

@testable import Rewards
@testable import Training

@Suite struct ConfigurationChoicesTests {
  @Test func theConfigurationNamesEveryReduction() {
    #expect(
      RunConfiguration.Method.Reduction.allCases.map(LogProbabilityReduction.init(named:))
        == LogProbabilityReduction.allCases)
  }

  @Test func theConfigurationNamesEveryActionBeyondTheKLLimit() {
    #expect(
      RunConfiguration.Method.KLAction.allCases.map(KLLimit.Action.init(named:))
        == KLLimit.Action.allCases)
  }

  @Test func theConfigurationNamesEverySpacingAndThatOfTheModel() {
    let model = SchedulerConfiguration(timestepSpacing: .linspace)
    let spacings = RunConfiguration.Sampler.Spacing.allCases.filter { $0 != .file }
    #expect(spacings.map { model.with($0).timestepSpacing } == TimestepSpacing.allCases)
    #expect(model.with(.file) == model)
  }

  @Test func theConfigurationKnowsTheLongestWaitBetweenAttempts() {
    #expect(RunConfiguration.Reward.longestBackOff(retries: 0) == 0)
    for retries in 1...12 {
      let longest = RunConfiguration.Reward.longestBackOff(retries: retries)
      let waits = (1...retries).flatMap { attempt in
        (0..<1000).map { backOff(attempt: attempt, key: $0) }
      }
      // Of a thousand waits between half of the longest and all of it.
      #expect(waits.allSatisfy { $0 <= longest } && waits.contains { $0 > 0.99 * longest })
    }
  }
}
