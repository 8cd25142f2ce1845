import Foundation
import MPI
import StableDiffusion
import Torch
import TorchNN

/// How far a run is, as far as a checkpoint of the same step may lack some of it.
struct RunProgress: Equatable {
  let step: Int
  let epoch: Int
  let isEvaluationDue: Bool
  let isBeyondKLLimit: Bool
  /// Prompts of the epoch under way that this rank has drawn the trajectories of.
  let drawnCount: Int
  let bestStep: Int?
}

extension Trainer {
  /// Begins to save the run as it stands; training goes on meanwhile, and in spite of a failure to
  /// write, which is said. Collective.
  ///
  /// - Throws: `AgreedFailure` when the policy is not worth saving, or the run is another's now.
  func save() throws {
    try surviving { try beginSaving() }
  }

  /// Saves the run where it ends or stops, to the end: here a failure to write is the run's.
  /// Collective.
  ///
  /// - Throws: `AgreedFailure`.
  func saveAtTheEnd() throws {
    // One that failed is tried again.
    try finishSaving()
    try beginSaving()
    guard let saver, !saver.isIdle else { return }
    note(try saver.finish())
  }

  /// Waits for a save that is under way; a failure to write is said. Collective.
  func finishSaving() throws {
    guard let saver, !saver.isIdle else { return }
    onProgress?("saving", state.step)
    try surviving { note(try saver.finish()) }
  }

  /// Takes the next turn of a save that is under way, if no rank's thread is at work on it.
  /// Collective.
  func goOnSaving() throws {
    guard let saver, !saver.isIdle else { return }
    try surviving { note(try saver.advance()) }
  }

  /// A run under inspection leaves no checkpoints, so that it can be repeated as it was.
  var savesCheckpoints: Bool { saver != nil && inspector == nil }

  private func beginSaving() throws {
    guard savesCheckpoints, let saver, try isWorthSaving() else { return }
    let start = ContinuousClock.now
    try finishSaving()
    // A best step that failed to be saved, and that the run has left, has no checkpoint.
    if state.best?.step != state.step { state.best = keptBest }
    saver.retention = retention
    onProgress?("saving", state.step)
    defer { tellProgress() }
    try checkPolicy()
    metrics?.synchronize()
    takeTime()
    try saver.begin(
      step: state.step, groups: groups + [groupOfResiduals(), groupInFlight()], state: state)
    saved = progress
    secondsBlocked = (ContinuousClock.now - start) / .seconds(1)
  }

  /// Runs a part of a save; a failure to write is said, and training goes on.
  private func surviving(_ body: () throws -> Void) throws {
    do {
      try body()
    } catch let failure as AgreedFailure where !isFatal(failure) {
      let step = saved?.step ?? state.step
      saved = nil
      warn(
        "the checkpoint of step \(step) is not saved, the earlier ones are as they were, and training "
          + "goes on: \(failure)")
    }
  }

  /// Whether a failure to save ends the run: its numbers are not worth saving, or it is another's.
  private func isFatal(_ failure: AgreedFailure) -> Bool { ![nil, 1].contains(failure.exitStatus) }

  /// Notes what became of a turn, on all ranks; only rank 0 knows what was saved.
  private func note(_ checkpoint: SavedCheckpoint?) {
    if saver?.isIdle ?? false { keptBest = state.best }
    guard let checkpoint else { return }
    time.noteSave(seconds: checkpoint.workSeconds)
    log(
      .checkpoint(
        MetricsRecord.Checkpoint(
          step: checkpoint.name.step, bytes: checkpoint.byteCount, secondsBlocked: secondsBlocked,
          seconds: checkpoint.seconds)))
  }

  var progress: RunProgress {
    RunProgress(
      step: state.step, epoch: state.epoch, isEvaluationDue: state.isEvaluationDue,
      isBeyondKLLimit: state.isBeyondKLLimit, drawnCount: inFlight.count,
      bestStep: state.best?.step)
  }

  /// Whether any rank has done anything since the newest checkpoint.
  private func isWorthSaving() throws -> Bool {
    try communicator.allReduce(UInt8(progress == saved ? 0 : 1), by: .max) == 1
  }

  /// Refuses a policy that blew up: resuming from it would fail for ever.
  func checkPolicy() throws {
    try compareReplicas()
    try communicator.agreed {
      try withoutGradient {
        let model = policy.model
        let prediction = try model.unet(
          .zeros(shape: [1] + model.latentShape, device: model.device),
          timesteps: Tensor([Float(plan.steps[0].timestep)], shape: [1]).to(model.device),
          context: policy.emptyContext)
        let tensors =
          [prediction] + groups.flatMap(\.parameters).map(\.tensor) + inFlight.map(\.latents)
        guard try tensors.allSatisfy({ try $0.isFinite() }) else {
          throw NumericalFailure.policy(step: state.step)
        }
      }
    }
  }

  /// What is saved at any step.
  var groups: [CheckpointGroup] {
    var groups = [
      CheckpointGroup(name: "trained", parameters: policy.trainable),
      CheckpointGroup(
        name: "optimizer", parameters: optimizer.state,
        holder: configuration.optimizer.sharded ? .oneRankEach : .everyRank),
    ]
    if let average {
      groups.append(CheckpointGroup(name: "average", parameters: average.averages))
    }
    return groups
  }

  /// What rounding gradients left out, each rank its own; empty where nothing is made up for.
  ///
  /// The names say of how many ranks: with another number it is of no use.
  func groupOfResiduals() throws -> CheckpointGroup {
    let (sent, sums) = averager.residuals
    // Of a sum whoever adds it up keeps what is left out: that depends on the buckets too.
    let rank =
      "\(communicator.rank + 1) of \(communicator.size), "
      + "buckets of \(configuration.optimizer.bucketElementCount)"
    return CheckpointGroup(
      name: "residuals",
      parameters: try [("sent", sent), ("sums", sums)].filter { !$0.1.isEmpty }.map {
        Parameter(name: "\(rank) \($0.0)", tensor: try Tensor($0.1, shape: [$0.1.count]))
      },
      holder: .oneRankEach)
  }

  /// What is saved of an epoch under way: each rank its own.
  private func groupInFlight() throws -> CheckpointGroup {
    CheckpointGroup(
      name: Rollout.groupName, parameters: try inFlight.flatMap { try $0.tensors() },
      holder: .oneRankEach)
  }
}
