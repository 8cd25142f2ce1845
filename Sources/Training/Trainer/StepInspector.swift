import PRDP

/// Looks at a run's epochs and optimiser steps without changing them.
protocol StepInspector {
  /// The trajectories of this rank's prompts of an epoch are drawn and scored.
  func trajectoriesAreDrawn(_ trainer: Trainer, _ rollouts: [Rollout]) throws
  /// The gradient is averaged, not yet clipped, and the parameters are as before the step.
  func gradientIsReady(_ trainer: Trainer, _ step: InspectedStep) throws
  /// The step was taken.
  ///
  /// - Parameter gradientNorm: The norm of the averaged gradient before it was clipped.
  func parametersWereUpdated(
    _ trainer: Trainer, _ step: InspectedStep, gradientNorm: Double) throws
}

/// What an optimiser step is taken by: this rank's prompts.
struct InspectedStep {
  let rollouts: [Rollout]
  /// The loss and its weights for each of the rollouts.
  let objectives: [PromptObjective]
  /// Which of the epoch's K steps, from 0.
  let inner: Int
}
