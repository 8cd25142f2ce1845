import MPI
import PRDP
import TorchNN

extension Trainer {
  /// Samples an epoch, takes one trial step, and suggests settings from what both show.
  ///
  /// The trial is taken with the configured learning rate and without warm-up; afterwards the
  /// policy is not the pre-trained one any more.
  ///
  /// - Returns: The same on all ranks.
  /// - Throws: `AgreedFailure` when the samples tell nothing, or ``NumericalFailure`` in words.
  public func calibrate() throws -> Calibration {
    try requirePRDP(for: "prdp calibrate")
    // It has nothing to save, and no use for a part of the samples.
    time = TimeLimit(seconds: nil, since: stop.start)
    let rollouts = try communicator.agreed(drawRollouts)
    let trialLearningRate = configuration.optimizer.learningRate
    // The configured clip range is what is looked for: nothing is held against it.
    _ = try averageGradient(rollouts, inner: 0, replayTolerance: .infinity)
    optimizer.coefficients.learningRate = trialLearningRate
    // What it throws is the same on all ranks.
    let update = Result(catching: updateParameters)
    _ = try communicator.agreed(update.get)
    state.step += 1

    let stepCount = policyGradient.trainedSteps.count
    let rows: [[Double]] = try communicator.agreed {
      try rollouts.map { rollout in
        let moved = try policyGradient.logProbabilities(of: rollout)
        return rollout.rewards.withNaN + zip(moved.values, rollout.old.values).map { $0 - $1 }
      }
    }
    let trajectoryCount = configuration.method.imagesPerPrompt
    let table = try gatherRows(
      rows, width: trajectoryCount * (1 + stepCount),
      promptCount: configuration.method.promptsPerEpoch, share, communicator)
    return try communicator.agreed {
      try Calibration(
        samples: table.map { row in
          Calibration.Samples(
            rewards: [Double?](withNaN: row.prefix(trajectoryCount)),
            logRatios: StepMatrix(
              trajectoryCount: trajectoryCount, stepCount: stepCount,
              values: Array(row.dropFirst(trajectoryCount))))
        }, trialLearningRate: trialLearningRate, reduction: method.reduction,
        latentElementCount: policy.model.latentShape.reduce(1, *))
    }
  }
}
