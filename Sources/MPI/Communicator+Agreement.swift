extension Communicator {
  /// Returns the failures of all ranks, the same on each, or `nil` where no rank has one.
  /// Collective.
  ///
  /// So a rank that failed says so instead of leaving the others to wait for it.
  ///
  /// - Parameter failure: What went wrong on this rank; `nil` where nothing did.
  /// - Throws: ``MPIError``.
  public func agree(onFailure failure: String?) throws -> AgreedFailure? {
    // A byte before the text tells a failure without words from none.
    let parts = try allGatherV(failure.map { [1] + Array($0.utf8) } ?? [])
    let causes = parts.enumerated().filter { !$0.element.isEmpty }.map { rank, bytes in
      AgreedFailure.Cause(
        rank: rank, message: String(decoding: bytes.dropFirst(), as: UTF8.self))
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
    var message: String?
    if case .failure(let error) = result { message = String(describing: error) }
    if let failure = try agree(onFailure: message) { throw failure }
    return try result.get()
  }
}
