import MPI

/// Thrown on all ranks at the same point, where they agreed to save and stop.
struct Preempted: Error {}

extension Trainer {
  /// Whether this rank wants the run to stop: it was asked to, its time is nearly up, or it has taken
  /// the steps it was to take. Looked at where the run could stop.
  var wantsToStop: Bool {
    time.look() || stop.isRaised || lastStep.map { state.step >= $0 } ?? false
  }

  /// Ends the run here if any rank wants it to stop, and takes the next turn of a save that no rank's
  /// thread is at work on any more. Collective.
  ///
  /// - Throws: ``Preempted``, on every rank.
  func checkIn() throws {
    let mine = [wantsToStop, saver?.isBusy ?? false].map { UInt8($0 ? 1 : 0) }
    var all = mine
    try communicator.allReduce(&all, by: .max)
    if all[1] == 0 { try goOnSaving() }
    if all[0] == 1 { throw Preempted() }
  }

  /// Whether a checkpoint is due after the step that was just taken.
  var isSaveDue: Bool {
    let interval = configuration.checkpoint.everySteps
    return interval > 0 && state.step > 0 && state.step % interval == 0
  }
}
