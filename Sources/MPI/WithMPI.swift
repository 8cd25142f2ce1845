/// Initialises MPI, runs `body` with all ranks of the run, finalises MPI and returns what `body`
/// returned.
///
/// Without `mpirun` the process is the only rank. What happens when `body` throws depends on who
/// shares the error:
///
/// * An ``AgreedFailure`` of all ranks is said on standard error by rank 0 alone; then MPI is
///   finalised and the failure thrown on. Every rank comes to the same place, and the program can
///   end with an exit code of its choice. It is too late there to say anything: `mpirun` ends the
///   other ranks as soon as the first has ended with a code that is not 0.
/// * Any other error is this rank's alone, and its peers wait for it in some collective. Finalising
///   would wait for them in turn, so the rank says what happened on standard error and aborts all.
/// * The only rank of a run has no peers: it finalises, and the error is thrown on.
///
/// Within a process that has initialised MPI already, it is used and left as it is. Call it once,
/// on the main thread; MPI cannot be initialised a second time.
///
/// - Throws: ``MPIError``, ``AgreedFailure``, and on a run of one rank whatever `body` throws.
/// - Source: MPI 3.1, section 8.7.
public func withMPI<Value>(
  threadLevel: MPIThreadLevel = .funneled, _ body: (_ world: Communicator) throws -> Value
) throws -> Value {
  let session = try MPISession.join(threadLevel: threadLevel)
  let world = session.world
  let value: Value
  do {
    value = try body(world)
  } catch {
    if world.shares(error) {
      if world.rank == 0 { writeToStandardError("error: \(error)") }
    } else if world.size > 1 {
      world.abort(because: error)
    }
    try session.leave()
    throw error
  }
  try session.leave()
  return value
}

extension Communicator {
  /// Whether all ranks hold `error`: a failure agreed on by some of them only is not shared.
  fileprivate func shares(_ error: any Error) -> Bool {
    (error as? AgreedFailure)?.rankCount == size
  }
}
