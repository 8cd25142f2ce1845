import ClusterConfiguration
import Diffusion
import PRDP
import Testing

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
}
