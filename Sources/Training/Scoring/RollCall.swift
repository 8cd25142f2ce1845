import MPI

/// What ranks tell each other while some of them are at work for long and others wait for them: a
/// round of all ranks ends when each has looked, so that who waits knows that the others are there.
final class RollCall {
  /// What a round came to.
  enum Answer {
    /// Not all ranks are done.
    case allAreHere
    /// All are: nobody looks any more.
    case allAreDone
  }

  private let communicator: Communicator
  private var round: Pending<UInt8>

  /// Starts the first round. Collective.
  init(_ communicator: Communicator) throws {
    self.communicator = communicator
    round = try communicator.startAllReduce([0], by: .min)
  }

  /// Takes part in the round that is on, and in the next where it has ended; never waits.
  ///
  /// - Parameter isDone: Whether this rank is: then it looks on until all are.
  /// - Returns: What the round came to; `nil` where it has not ended.
  func look(isDone: Bool) throws -> Answer? {
    guard try round.isDone() else { return nil }
    if try round.wait() == [1] { return .allAreDone }
    round = try communicator.startAllReduce([isDone ? 1 : 0], by: .min)
    return .allAreHere
  }
}
