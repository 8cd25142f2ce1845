extension Communicator {
  /// Returns the failures of all ranks, the same on each, or `nil` where no rank has one.
  /// Collective.
  ///
  /// So a rank that failed says so instead of leaving the others to wait for it.
  ///
  /// - Parameters:
  ///   - failure: What went wrong on this rank; `nil` where nothing did.
  ///   - exitStatus: What the process should exit with for it; `nil` leaves that open.
  /// - Throws: ``MPIError``.
  public func agree(onFailure failure: String?, exitStatus: UInt8? = nil) throws -> AgreedFailure? {
    // The exit status, the machine, a zero and the text: a failure without words is told from none.
    let parts = try allGatherV(
      failure.map { text in
        [exitStatus ?? 0] + Array((machineNameAmongSeveral ?? "").utf8) + [0] + Array(text.utf8)
      } ?? [])
    let causes = parts.enumerated().filter { !$0.element.isEmpty }.map { rank, bytes in
      let machine = bytes.dropFirst().prefix { $0 != 0 }
      return AgreedFailure.Cause(
        rank: rank, machine: machine.isEmpty ? nil : String(decoding: machine, as: UTF8.self),
        message: String(decoding: bytes.dropFirst(machine.count + 2), as: UTF8.self),
        exitStatus: bytes[0] == 0 ? nil : bytes[0])
    }
    return causes.isEmpty ? nil : AgreedFailure(causes: causes, rankCount: size)
  }

  /// Returns what `work` returns on this rank, once it is done on all ranks. Collective.
  ///
  /// - Parameter work: What may fail on some ranks only. It calls no collective: a rank that failed
  ///   would be missing in it.
  /// - Throws: ``AgreedFailure``, on every rank, where `work` throws on any; ``MPIError``.
  public func agreed<Value>(_ work: () throws -> Value) throws -> Value {
    let result = Result(catching: work)
    var failure: (any Error)?
    if case .failure(let error) = result { failure = error }
    if let failure = try agree(
      onFailure: failure.map { "\($0)" }, exitStatus: (failure as? any ExitStatusError)?.exitStatus)
    {
      throw failure
    }
    return try result.get()
  }
}
