import ClusterConfiguration
import Foundation
import MPI
import StableDiffusion
import Torch

extension Trainer {
  var retention: Retention {
    Retention(
      newestCount: configuration.checkpoint.keep, everySteps: configuration.checkpoint.keepEvery,
      bestStep: state.best?.step)
  }

  func checkpoints(in folder: String) -> CheckpointStore {
    CheckpointStore(folder: folder, retention: retention, warn: { [weak self] in self?.warn($0) })
  }

  /// Brings the run to where a checkpoint left it, on all ranks.
  ///
  /// - Returns: The configuration of the run that saved it; `nil` for a new run.
  /// - Throws: `AgreedFailure` when the checkpoint cannot be used.
  func restore(_ resume: Resume) throws -> RunConfiguration? {
    let path = try communicator.agreed { try checkpointPath(resume) } ?? ""
    let agreedPath = try communicator.broadcast(communicator.rank == 0 ? path : nil)
    guard !agreedPath.isEmpty else { return nil }
    let saver = try communicator.agreed {
      // Rank 0 has just read all of it.
      let checkpoint = try Checkpoint(
        path: agreedPath, awaitsNames: communicator.rank > 0, verification: .whenUsed)
      let saved = try checkpoint.state(as: TrainingState.self)
      // What broke a rule of runs may have been put right since.
      let saver = try RunConfiguration(
        yaml: saved.configuration, source: "\(agreedPath)/state.json", for: .scoring)
      try checkThatRunIsTheSame(saved, saver, path: agreedPath)
      for group in groups {
        try checkpoint.load(
          group.name, into: group.parameters, onlySome: group.holder == .oneRankEach)
      }
      let configuration = state.configuration
      state = saved
      state.configuration = configuration
      if let count = state.microBatchCount { policyGradient.microBatchCount = count }
      try restoreResiduals(from: checkpoint)
      inFlight = try rollouts(of: checkpoint)
      self.saved = isOfThisRun(agreedPath) ? progress : nil
      restored = checkpoint.name
      if let folder { try checkpoints(in: folder.checkpoints).setAside(after: checkpoint.name) }
      return saver
    }
    try forgetBestOfElsewhere(restoredFrom: agreedPath)
    return saver
  }

  /// Forgets a best step that this run's folder has no checkpoint of: the run goes on from another's,
  /// or from one before a better one took its place. Collective.
  private func forgetBestOfElsewhere(restoredFrom path: String) throws {
    let isHere = try communicator.agreed {
      guard let folder, let best = state.best else { return false }
      let store = checkpoints(in: folder.checkpoints)
      return try isOfThisRun(path)
        && store.checkpoints().contains { try $0.step == best.step && store.isCommitted($0) }
    }
    if try communicator.broadcast(UInt8(isHere ? 1 : 0)) == 0 { state.best = nil }
    keptBest = state.best
  }

  /// Refuses to go on where another start of the program has saved since this one chose its
  /// checkpoint: until this one owned the run, it could.
  func checkThatNothingWasSavedSince(in folder: RunFolder) throws {
    let store = checkpoints(in: folder.checkpoints)
    guard let newest = try store.checkpoints().filter(store.isCommitted).max(),
      restored.map({ newest > $0 }) ?? true
    else { return }
    throw TrainingError(
      store.path(of: newest), overtaking: "what another start of the program saved meanwhile")
  }

  /// Whether a checkpoint lies in this run's folder; rank 0 knows.
  private func isOfThisRun(_ path: String) -> Bool {
    guard let folder else { return true }
    func standard(_ path: String) -> String { URL(filePath: path).standardizedFileURL.path }
    return standard("\(path)/..") == standard(folder.checkpoints)
  }

  /// Takes up what rounding gradients had left out, with as many ranks as then.
  private func restoreResiduals(from checkpoint: Checkpoint) throws {
    let group = try groupOfResiduals()
    guard checkpoint.holds(group.name) else { return }
    let names = Set(group.parameters.map(\.name))
    guard try !checkpoint.tensorFiles(of: group.name, holdingAnyOf: names).isEmpty else {
      return warn(
        "with another number of ranks or other buckets, what rounding gradients left out so far is "
          + "left out for good"
      )
    }
    try checkpoint.load(group.name, into: group.parameters, onlySome: true)
    let values: [[Float]] = try group.parameters.map { try $0.tensor.values() }
    averager.residuals = (values[0], values[1])
  }

  /// This rank's trajectories of the epoch that was under way, as far as they had been drawn.
  private func rollouts(of checkpoint: Checkpoint) throws -> [Rollout] {
    let positions = share.positions(inEpoch: state.epoch)
    let names = Set(positions.map(Rollout.nameOfLatents))
    let shape =
      [plan.steps.count + 1, configuration.method.imagesPerPrompt] + policy.model.latentShape
    let files = try checkpoint.tensorFiles(of: Rollout.groupName, holdingAnyOf: names)
    let rollouts = try withoutGradient {
      try positions.compactMap { position -> Rollout? in
        let name = Rollout.nameOfLatents(at: position)
        guard let file = files.first(where: { $0.info(name) != nil }) else { return nil }
        let prompt = try prompts.prompt(at: position)
        let contexts = try sampler.contexts(of: prompt)
        return try Rollout(
          at: position, of: file, prompt: prompt.text, context: contexts.prompt,
          emptyContext: contexts.empty, latentsShape: shape,
          trainedStepCount: policyGradient.trainedSteps.count)
      }
    }
    // Drawn now they would come from another policy than the others.
    guard state.inner == 0 || rollouts.count == positions.count else {
      throw TrainingError(
        checkpoint.path, expected: "the trajectories of all prompts of epoch \(state.epoch + 1)",
        found: "\(rollouts.count) of this rank's \(positions.count)",
        advice: "go on from an earlier checkpoint")
    }
    return rollouts
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
