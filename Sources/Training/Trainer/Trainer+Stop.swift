import MPI

/// Thrown on all ranks at the same point, where they agreed to save and stop.
struct Preempted: Error {}

extension Trainer {
  /// Whether this rank wants the run to stop: it was asked to, or its time is nearly up. Looked at
  /// where the run could stop.
  var wantsToStop: Bool { time.look() || stop.isRaised }

  /// Ends the run here if any rank wants it to stop. Collective.
  ///
  /// - Throws: ``Preempted``, on every rank.
  func stopIfWanted() throws {
    // Not `||`: the clock counts the time between two looks.
    let isWanted = wantsToStop
    guard try communicator.allReduce(UInt8(isWanted ? 1 : 0), by: .max) == 0 else {
      throw Preempted()
    }
  }
}
