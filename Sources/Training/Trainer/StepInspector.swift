import PRDP

/// Looks at a run's optimiser steps without changing them.
protocol StepInspector {
  /// The gradient is averaged, not yet clipped, and the parameters are as before the step.
  func gradientIsReady(
    _ trainer: Trainer, _ rollouts: [Rollout], _ objectives: [PromptObjective], inner: Int) throws
  /// The step was taken.
  func parametersWereUpdated(_ trainer: Trainer, inner: Int) throws
}
