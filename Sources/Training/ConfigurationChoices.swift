import ClusterConfiguration
import Diffusion

extension RawRepresentable<String> {
  /// The value that has the name of a configuration's choice, where every choice has one.
  init(named choice: some RawRepresentable<String>) {
    guard let value = Self(rawValue: choice.rawValue) else {
      preconditionFailure("\(Self.self) has no \(choice.rawValue)")
    }
    self = value
  }
}

extension SchedulerConfiguration {
  /// The model's own schedule, with another spacing where one is asked for.
  func with(_ spacing: RunConfiguration.Sampler.Spacing) -> SchedulerConfiguration {
    guard spacing != .file else { return self }
    var configuration = self
    configuration.timestepSpacing = TimestepSpacing(named: spacing)
    return configuration
  }
}
