import ClusterConfiguration
import Diffusion
import TorchNN

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

extension LearningRateSchedule {
  /// The schedule of a whole run, the epochs before a resume included.
  init(_ configuration: RunConfiguration) {
    let warmupSteps = configuration.optimizer.warmupSteps
    switch configuration.optimizer.schedule {
    case .constant: self = .constant(warmupSteps: warmupSteps)
    case .cosine:
      self = .cosine(
        warmupSteps: warmupSteps,
        totalSteps: configuration.run.epochs * configuration.method.innerSteps)
    }
  }
}
