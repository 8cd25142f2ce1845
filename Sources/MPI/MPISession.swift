import CMPI
import Foundation
import Synchronization

/// The use of MPI by this process: it begins once and ends once.
package struct MPISession {
  /// All ranks of the run.
  package let world: Communicator
  /// Whether this session initialised MPI, and so has to finalise it.
  private let ownsMPI: Bool

  /// Two threads that join at once must not both initialise.
  private static let joining = Mutex<Void>(())

  /// Initialises MPI, or takes part where the process has done so already.
  ///
  /// A program that embeds us may have initialised MPI, and so does a test process that keeps it
  /// for all of its tests; neither wants it finalised by us.
  ///
  /// - Throws: ``MPIError``.
  /// - Source: MPI 3.1, sections 8.7 (`MPI_Init`, `MPI_Finalized`) and 12.4.3 (`MPI_Init_thread`).
  package static func join(threadLevel: MPIThreadLevel) throws -> MPISession {
    try joining.withLock { _ in
      var flag: CInt = 0
      try check(cmpi_finalized(&flag), "MPI_Finalized")
      guard flag == 0 else { throw MPIError.finalised }
      try check(cmpi_initialized(&flag), "MPI_Initialized")
      let ownsMPI = flag == 0

      var provided = cmpi_threads.single
      if ownsMPI {
        avoidDaemonWithoutLauncher()
        try check(cmpi_init_thread(threadLevel.code, &provided), "MPI_Init_thread")
      } else {
        try check(cmpi_query_thread(&provided), "MPI_Query_thread")
      }
      guard MPIThreadLevel(provided) >= threadLevel else {
        if ownsMPI { try check(cmpi_finalize(), "MPI_Finalize") }
        throw MPIError.threadLevel(requested: threadLevel, provided: MPIThreadLevel(provided))
      }
      return MPISession(world: try Communicator(cmpi_comm_world()), ownsMPI: ownsMPI)
    }
  }

  /// Finalises MPI if this session initialised it; waits for all ranks.
  ///
  /// - Throws: ``MPIError``.
  package func leave() throws {
    guard ownsMPI else { return }
    try check(cmpi_finalize(), "MPI_Finalize")
  }

  /// Keeps Open MPI from forking a daemon that listens on the network when there is one rank only.
  private static func avoidDaemonWithoutLauncher() {
    guard ProcessInfo.processInfo.environment["OMPI_COMM_WORLD_SIZE"] == nil else { return }
    // 0: what the user has set stays.
    setenv("OMPI_MCA_ess_singleton_isolated", "1", 0)
  }
}
