import MPI

/// The one rank of the test process. MPI starts once and stays for all tests: threads of the test
/// runner use it at the same time.
func joinTestWorld() throws -> Communicator {
  try MPISession.join(threadLevel: .multiple).world
}
