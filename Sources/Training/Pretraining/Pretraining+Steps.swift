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
    let averager = GradientAverager(communicator: communicator)
    let checkpoints = CheckpointStore(
      folder: "\(folder)/checkpoints/\(stage.name)", keep: 2, warn: report)
    let first = try communicator.agreed {
      try FileManager.default.createDirectory(
        atPath: checkpoints.folder, withIntermediateDirectories: true)
      return try restore(stage, from: checkpoints)
    }
    var since = ContinuousClock.now
    var lossSum = try Tensor.zeros(shape: [], device: device)
    for step in first..<max(first, stepCount) {
      let loss = try stage.loss(batch(ofStep: step, of: stage))
      try loss.backward()
      try lossSum.accumulate(loss.detached())
      try gradient.reset()
      try gradient.collect(scale: 1 / Double(communicator.size))
      try averager.reduce(gradient)
      _ = try gradient.clip(toNorm: 1)
      stage.optimizer.coefficients.learningRate = highestRate * schedule.factor(at: step)
      try stage.optimizer.step(gradient.tensors())
      try stage.average.update(updateIndex: step)

      let done = step + 1
      guard done % configuration.reportInterval == 0 || done == stepCount else { continue }
      let stepsSince = (done - 1) % configuration.reportInterval + 1
      let seconds = (ContinuousClock.now - since) / .seconds(1)
      try log(
        PretrainingRecord(
          stage: stage.name, step: done, loss: lossSum.item() / Double(stepsSince),
          scenesPerSecond: Double(stepsSince * stage.globalBatchCount) / seconds))
      try save(stage, at: done, to: checkpoints)
      try stage.average.swapWithParameters()
      try measure(done)
      try stage.average.swapWithParameters()
      lossSum = try .zeros(shape: [], device: device)
      since = .now
    }
    try stage.average.swapWithParameters()
  }

  /// This rank's scenes of a step.
  private func batch(ofStep step: Int, of stage: some PretrainingStage) -> SceneBatch {
    let (rank, size) = (communicator.rank, communicator.size)
    let count = stage.globalBatchCount
    let start = step * count
    return SceneBatch(
      places: start + count * rank / size..<start + count * (rank + 1) / size,
      seed: configuration.seed, noiseCount: noiseCount)
  }

  /// Elements of a picture's latents.
  private var noiseCount: Int {
    let side = SceneRenderer.side >> (configuration.autoencoderChannels.count - 1)
    return 4 * side * side
  }

  private func files(of stage: some PretrainingStage) -> [String: [Parameter]] {
    [
      "weights": stage.optimizer.parameters, "average": stage.average.averages,
      "optimizer": stage.optimizer.state,
    ]
  }

  private func save(_ stage: some PretrainingStage, at step: Int, to store: CheckpointStore) throws
  {
    guard communicator.rank == 0 else { return }
    _ = try store.save(step: step, files: files(of: stage), state: ["step": step])
  }

  /// - Returns: The step to go on with.
  private func restore(_ stage: some PretrainingStage, from store: CheckpointStore) throws -> Int {
    guard let checkpoint = try store.newestValid() else { return 0 }
    for (name, parameters) in files(of: stage) { try checkpoint.load(name, into: parameters) }
    return checkpoint.step
  }
}
