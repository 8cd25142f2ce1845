import ClusterConfiguration
import Foundation
import MPI
import StableDiffusion
import Torch
import TorchNN

extension Trainer {
  func checkpoints(in folder: String) -> CheckpointStore {
    CheckpointStore(
      folder: folder, keep: configuration.checkpoint.keep, warn: { [weak self] in self?.warn($0) })
  }

  /// Saves the run as it stands between two epochs, on rank 0. A failure to write is said, and
  /// training goes on.
  ///
  /// - Throws: `AgreedFailure` when the policy is not worth saving.
  func save() throws {
    try checkPolicy()
    do {
      try saveCheckpoint()
    } catch {
      warn("\(error); training goes on")
    }
  }

  /// Saves the run where it ends or stops: here a failure to write is the run's.
  ///
  /// - Throws: `AgreedFailure`.
  func saveAtTheEnd() throws {
    try checkPolicy()
    try communicator.agreed(saveCheckpoint)
  }

  /// A run under inspection leaves no checkpoints, so that it can be repeated as it was.
  func saveCheckpoint() throws {
    guard let folder, inspector == nil else { return }
    takeTime()
    let start = ContinuousClock.now
    try checkpoints(in: folder.checkpoints).save(step: state.step, files: files, state: state)
    time.noteSave(seconds: (ContinuousClock.now - start) / .seconds(1))
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
        let tensors = [prediction] + files.values.joined().map(\.tensor)
        guard try tensors.allSatisfy({ try $0.isFinite() }) else {
          throw NumericalFailure.policy(step: state.step)
        }
      }
    }
  }

  /// Brings the run to where a checkpoint left it, on all ranks.
  ///
  /// - Returns: The configuration of the run that saved it; `nil` for a new run.
  /// - Throws: `AgreedFailure` when the checkpoint cannot be used.
  func restore(_ resume: Resume) throws -> RunConfiguration? {
    let path = try communicator.agreed { try checkpointPath(resume) } ?? ""
    let agreedPath = try communicator.broadcast(communicator.rank == 0 ? path : nil)
    guard !agreedPath.isEmpty else { return nil }
    return try communicator.agreed {
      let checkpoint = try Checkpoint(path: agreedPath)
      let saved = try checkpoint.state(as: TrainingState.self)
      let saver = try RunConfiguration(
        yaml: saved.configuration, source: "\(agreedPath)/state.json")
      try checkThatRunIsTheSame(saved, saver, path: agreedPath)
      for (name, parameters) in files { try checkpoint.load(name, into: parameters) }
      let configuration = state.configuration
      state = saved
      state.configuration = configuration
      if let count = state.microBatchCount { policyGradient.microBatchCount = count }
      if let folder { try checkpoints(in: folder.checkpoints).setAside(afterStep: state.step) }
      return saver
    }
  }

  /// Whether the run as `saver` configured it is at its end, and is not asked for more epochs now.
  func cameToItsEnd(_ saver: RunConfiguration?) throws -> Bool {
    let hasSummary = folder.map { FileManager.default.fileExists(atPath: $0.summary) } ?? false
    guard try communicator.broadcast(UInt8(hasSummary ? 1 : 0)) == 1, let saver else {
      return false
    }
    // A damaged last checkpoint has left an earlier one: then the end is still to come.
    return state.isBeyondKLLimit
      ? configuration.method.klLimit == saver.method.klLimit
      : state.epoch >= configuration.run.epochs
  }

  private var files: [String: [Parameter]] {
    var files = ["trained": policy.trainable, "optimizer": optimizer.state]
    files["average"] = average?.averages
    return files
  }

  /// The checkpoint to go on from, on rank 0; `nil` for a new run.
  private func checkpointPath(_ resume: Resume) throws -> String? {
    guard let folder else { return nil }
    switch resume {
    case .never: return nil
    case .latest:
      let newest = try checkpoints(in: folder.checkpoints).newestValid()
      if newest == nil { display?.note("no checkpoint in \(folder.checkpoints): a new run") }
      return newest?.path
    case .checkpoint(let path): return try Checkpoint(path: path).path
    }
  }

  private func checkThatRunIsTheSame(
    _ saved: TrainingState, _ saver: RunConfiguration, path: String
  ) throws {
    let differences = configuration.differences(from: saver)
    guard differences.isEmpty else {
      throw TrainingError(
        path, expected: "a run with the same settings",
        found: differences.map(\.description).joined(separator: "; "),
        advice: "take these back, or start a new run with another run.output")
    }
    for (what, now, then) in [
      ("model", state.modelSHA256, saved.modelSHA256),
      ("prompt file", state.promptsSHA256, saved.promptsSHA256),
    ] where now != then {
      throw TrainingError(
        path, expected: "the \(what) of the run that saved it, SHA-256 \(then.prefix(12))",
        found: "another, SHA-256 \(now.prefix(12))",
        advice: "put it back, or start a new run with another run.output")
    }
  }
}
