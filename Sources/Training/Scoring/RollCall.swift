import MPI

/// What ranks tell each other while some of them are at work for long and others wait for them: a
/// round of all ranks ends when each has looked, so that who waits knows that the others are there, and
/// who is at work that another rank wants all to end.
final class RollCall {
  /// What a round came to.
  enum Answer {
    /// Not all ranks are done.
    case allAreHere
    /// All are: nobody looks any more.
    case allAreDone
  }

  private let communicator: Communicator
  /// Whether a rank is done, and whether it wants to go on: 1 for yes.
  private var round: Pending<UInt8>
  /// Whether this rank wants all to end.
  private var wantsEnd = false
  /// Whether any rank wants all to end, as far as this one knows.
  private(set) var isToEnd = false

  /// Starts the first round. Collective.
  init(_ communicator: Communicator) throws {
    self.communicator = communicator
    round = try communicator.startAllReduce([0, 1], by: .min)
  }

  /// Tells the other ranks in the rounds to come that there is no use in their work.
  func askForEnd() {
    wantsEnd = true
    isToEnd = true
  }

  /// Takes part in the round that is on, and in the next where it has ended; never waits.
  ///
  /// - Parameter isDone: Whether this rank is: then it looks on until all are.
  /// - Returns: What the round came to; `nil` where it has not ended.
  func look(isDone: Bool) throws -> Answer? {
    guard try round.isDone() else { return nil }
    let answer = try round.wait()
    if answer[1] == 0 { isToEnd = true }
    if answer[0] == 1 { return .allAreDone }
    round = try communicator.startAllReduce([isDone ? 1 : 0, wantsEnd ? 0 : 1], by: .min)
    return .allAreHere
  }
}
