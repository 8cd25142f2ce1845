import MPI

extension Communicator {
  /// Refuses more ranks than one, on all of them.
  ///
  /// - Parameter what: What is of one rank, as a person asked for it.
  /// - Throws: `AgreedFailure`.
  public func requireOneRank(for what: String) throws {
    try agreed {
      guard size == 1 else {
        throw TrainingError(
          what, expected: "one rank", found: "\(size)", advice: "start it without mpirun")
      }
    }
  }
}
