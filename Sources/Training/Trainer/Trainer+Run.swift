import Foundation
import MPI

/// How a run ended; the same on all ranks.
public enum RunOutcome: Sendable, Equatable {
  /// All epochs are done, or the KL limit ended the run as it was set to.
  case completed
  /// The run was asked to stop, or its time was up, and it is saved as it stands.
  case preempted
  /// The run cannot go on. What was saved before is intact.
  ///
  /// The exit status is 3 where a start from the same place would fail again, 75 where one from the
  /// newest checkpoint may go well, 2 where the run is another's, else 1.
  case failed(String, exitStatus: Int32)
}

extension Trainer {
  /// Takes the run to its end: evaluation, epochs with checkpoints, evaluation, summary.
  ///
  /// - Throws: What only this rank knows of; what all ranks know is returned.
  public func run() throws -> RunOutcome {
    defer {
      display?.finish()
      lock = nil
    }
    guard !isFinished else {
      display?.note(
        "the run is finished: \(state.epoch) epochs in \(state.step) steps, see "
          + "\(configuration.run.output)/summary.json; raise "
          + "\(state.isBeyondKLLimit ? "method.klLimit" : "run.epochs") to go on"
          + (configuration.optimizer.schedule == .cosine && !state.isBeyondKLLimit
            ? "; the learning rate then rises again, as optimizer.schedule is cosine" : ""))
      return .completed
    }
    time.begin()
    do {
      return try runToTheEndOrStop()
    } catch let error as AgreedFailure {
      return try failed("\(error)", exitStatus: error.exitStatus ?? 1)
    } catch let error as NumericalFailure {
      return try failed("\(error)", exitStatus: error.exitStatus ?? 1)
    }
  }

  /// The end of a run that cannot go on; what it was saving is saved to the end.
  private func failed(_ reason: String, exitStatus: UInt8) throws -> RunOutcome {
    // Of a run that is another's now nothing more is saved, and no other failure counts.
    do { try finishSaving() } catch is AgreedFailure {}
    return .failed(reason, exitStatus: Int32(exitStatus))
  }

  private func runToTheEndOrStop() throws -> RunOutcome {
    do {
      try runToTheEnd()
      return .completed
    } catch is Preempted {
      try saveAtTheEnd()
      display?.note("stopped at step \(state.step), saved; --resume latest goes on")
      return .preempted
    } catch let error as TooManyMissingScores {
      // Drawn again they are the same images, of which only the missing scores are asked for.
      inFlight.removeAll { $0.missingCount > 0 }
      try saveAtTheEnd()
      return .failed("\(error)", exitStatus: 1)
    }
  }

  private func runToTheEnd() throws {
    state.isBeyondKLLimit = false
    if isResumed {
      display?.note("the run goes on after epoch \(state.epoch), step \(state.step)")
    }
    if state.isEvaluationDue { try prepareNextEpoch() }
    while state.epoch < configuration.run.epochs {
      let epochStart = ContinuousClock.now
      let records = try timingTraining(runEpoch)
      guard let last = records.last else {
        display?.note(
          "the KL divergence passed method.klLimit in epoch \(state.epoch + 1): the run ends here")
        state.isBeyondKLLimit = true
        break
      }
      let seconds = (ContinuousClock.now - epochStart) / .seconds(1)
      display?.endEpoch(
        state.epoch, rewardMean: last.rewardMean, kl: last.klAllSteps,
        imageCount: configuration.method.promptsPerEpoch * configuration.method.imagesPerPrompt,
        seconds: seconds)
      try checkIn()
      try prepareNextEpoch()
    }
    try saveAtTheEnd()
    let after = try evaluate(.after)
    if try noteBest(after) { try saveAtTheEnd() }
    try communicator.agreed { try writeSummary(after) }
  }

  /// What comes before the first epoch and between two epochs, when it is time.
  private func prepareNextEpoch() throws {
    let epoch = state.epoch
    guard epoch < configuration.run.epochs else { return }
    func isDue(_ interval: Int) -> Bool { interval > 0 && epoch % interval == 0 }
    // The evaluation first: a run that goes on from the checkpoint does not make it again.
    var isBest = false
    if epoch == 0 {
      state.evaluationBefore = try evaluate(.before)
    } else if isDue(configuration.evaluation.everyEpochs) {
      isBest = try noteBest(evaluate(.during))
    } else if isDue(configuration.logging.gridEveryEpochs) {
      try drawGrids()
    }
    state.isEvaluationDue = false
    // Last, so that a run which goes on from here has all of this behind it.
    if isSaveDue || isBest || epoch > 0 && isDue(configuration.checkpoint.everyEpochs) {
      try save()
    }
  }

  /// Notes whether an evaluation is the best so far: its checkpoint stays, once it is saved.
  /// Collective.
  private func noteBest(_ results: [EvaluationResult]) throws -> Bool {
    guard savesCheckpoints,
      let best = BestCheckpoint(results, of: configuration.checkpoint, step: state.step)
    else { return false }
    // The best so far may be what is being saved.
    try finishSaving()
    guard best.replaces(keptBest, isLowestBest: configuration.isLowestBest) else { return false }
    state.best = best
    return true
  }

  private func writeSummary(_ after: [EvaluationResult]) throws {
    guard let folder else { return }
    func bySet(_ results: [EvaluationResult]) -> [String: Summary.Reward] {
      Dictionary(
        uniqueKeysWithValues: results.map {
          ($0.set, Summary.Reward(mean: $0.reward, standardError: $0.standardError))
        })
    }
    takeTime()
    try Summary(
      before: bySet(state.evaluationBefore), after: bySet(after), seconds: state.seconds,
      trainingSeconds: state.trainingSeconds, images: state.imageCount, ranks: communicator.size,
      epochs: state.epoch, steps: state.step, best: state.best
    ).write(to: folder.summary)
  }
}
