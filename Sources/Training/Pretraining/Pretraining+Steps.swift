import Foundation
import Scenes
import Torch
import TorchNN

extension Pretraining {
  /// Takes a stage to its last step, from its newest checkpoint if there is one, and leaves the
  /// averaged weights in the model.
  ///
  /// - Parameter measure: Called with the averaged weights in place, at every report.
  func train(
    _ stage: some PretrainingStage, stepCount: Int, measure: (_ step: Int) throws -> Void
  ) throws {
    let schedule = LearningRateSchedule.cosine(warmupSteps: 200, totalSteps: stepCount)
    let highestRate = stage.optimizer.coefficients.learningRate
    let gradient = try FlatGradient(stage.optimizer.parameters)
    let averager = try GradientAverager(
      gradient,
      GradientBucket.buckets(
        of: gradient.ranges, elementLimit: .max, rankCount: communicator.size,
        keepsParametersWhole: false), over: communicator)
    let checkpoints = CheckpointStore(
      folder: "\(folder)/checkpoints/\(stage.name)", warn: report)
    let first = try restore(stage, from: checkpoints)
    var since = ContinuousClock.now
    var lossSum = try Tensor.zeros(shape: [], device: device)
    for step in first..<max(first, stepCount) {
      let loss = try stage.loss(batch(ofStep: step, of: stage))
      // Shares may be uneven, and a loss is a mean over the rank's own.
      let share =
        Double(places(ofStep: step, of: stage).count) / Double(stage.globalBatchCount)
      try lossSum.accumulate(loss.detached() * share)
      try gradient.reset()
      try averager.overlap(scale: share) { try loss.backward() }
      try averager.addUp(scale: share)
      try averager.finish()
      let norm = try gradient.clip(toNorm: 1)
      guard norm.isFinite else { throw NumericalFailure.gradient(norm: "\(norm)", step: step) }
      stage.optimizer.coefficients.learningRate = highestRate * schedule.factor(at: step)
      try stage.optimizer.step(gradient.tensors())
      try stage.average.update(updateIndex: step)

      let done = step + 1
      guard done % configuration.reportInterval == 0 || done == stepCount else { continue }
      let stepsSince = (done - 1) % configuration.reportInterval + 1
      let seconds = (ContinuousClock.now - since) / .seconds(1)
      let meanLoss = try communicator.allReduce(lossSum.item() / Double(stepsSince), by: .sum)
      try log(
        PretrainingRecord(
          stage: stage.name, step: done, loss: meanLoss,
          scenesPerSecond: Double(stepsSince * stage.globalBatchCount) / seconds))
      try save(stage, at: done, to: checkpoints)
      try stage.average.inPlace { try measure(done) }
      lossSum = try .zeros(shape: [], device: device)
      since = .now
    }
    try stage.average.swapWithParameters()
  }

  /// This rank's scenes of a step.
  private func batch(ofStep step: Int, of stage: some PretrainingStage) -> SceneBatch {
    SceneBatch(
      places: places(ofStep: step, of: stage), seed: configuration.seed, noiseCount: noiseCount)
  }

  private func places(ofStep step: Int, of stage: some PretrainingStage) -> Range<Int> {
    let (rank, size) = (communicator.rank, communicator.size)
    let count = stage.globalBatchCount
    let start = step * count
    return start + count * rank / size..<start + count * (rank + 1) / size
  }

  /// Elements of a picture's latents.
  private var noiseCount: Int {
    let side = SceneRenderer.side >> (configuration.autoencoderChannels.count - 1)
    return 4 * side * side
  }

  private func groups(of stage: some PretrainingStage) -> [CheckpointGroup] {
    [
      CheckpointGroup(name: "weights", parameters: stage.optimizer.parameters),
      CheckpointGroup(name: "average", parameters: stage.average.averages),
      CheckpointGroup(name: "optimizer", parameters: stage.optimizer.state),
    ]
  }

  private func save(_ stage: some PretrainingStage, at step: Int, to store: CheckpointStore) throws
  {
    try communicator.agreed {
      guard communicator.rank == 0 else { return }
      try store.save(step: step, groups: groups(of: stage), state: configuration)
    }
  }

  /// - Returns: The step to go on with.
  /// - Throws: `AgreedFailure` when the checkpoint is of a run with other settings.
  private func restore(_ stage: some PretrainingStage, from store: CheckpointStore) throws -> Int {
    let path = try communicator.agreed {
      guard communicator.rank == 0 else { return "" }
      try makeFolder("checkpoints/\(stage.name)")
      return try store.newestValid()?.path ?? ""
    }
    let agreedPath = try communicator.broadcast(communicator.rank == 0 ? path : nil)
    guard !agreedPath.isEmpty else { return 0 }
    return try communicator.agreed {
      let checkpoint = try Checkpoint(path: agreedPath)
      let saved = try checkpoint.state(as: PretrainingConfiguration.self)
      guard configuration.mayContinue(saved) else {
        throw TrainingError(
          agreedPath, expected: "a run with the same settings, steps and report interval apart",
          found: "\(saved)", advice: "take these, or choose another --output")
      }
      for group in groups(of: stage) {
        try checkpoint.load(group.name, into: group.parameters)
      }
      return checkpoint.step
    }
  }
}
