import CMPI

/// Calls under way that move elements of one type. Their memory belongs to whoever keeps this, and
/// stays until all are done.
final class Requests<T: MPIScalar> {
  private struct Entry {
    var request: cmpi_request
    let operation: String
    let count: CInt
    let receives: Bool
  }

  /// In the order they were started.
  private var entries: [Entry] = []

  /// Starts a call.
  ///
  /// - Parameters:
  ///   - count: The number of elements that it moves.
  ///   - receives: Whether fewer may come, which is an error.
  func add(
    _ operation: String, count: CInt, receives: Bool, start: (inout cmpi_request) -> CInt
  ) throws {
    var request = cmpi_request_null()
    try check(start(&request), operation)
    entries.append(Entry(request: request, operation: operation, count: count, receives: receives))
  }

  /// Whether all are done; never waits.
  func areDone() throws -> Bool {
    while var next = entries.first {
      var (done, received): (CInt, CInt) = (0, 0)
      let code = cmpi_test(&next.request, T.mpiDatatype.code, &done, &received)
      if code == 0 && done == 0 { return false }
      entries.removeFirst()
      try end(next, code, received)
    }
    return true
  }

  /// Waits until all are done.
  ///
  /// - Throws: ``MPIError``, also where fewer elements came than were to be received.
  func finish() throws {
    while var next = entries.first {
      entries.removeFirst()
      var received: CInt = 0
      let code = cmpi_wait(&next.request, T.mpiDatatype.code, &received)
      try end(next, code, received)
    }
  }

  /// Waits until all are done, whether well or not: nobody is left to tell of an error, after which
  /// others may still be under way.
  func abandon() {
    while !entries.isEmpty { try? finish() }
  }

  private func end(_ entry: Entry, _ code: CInt, _ received: CInt) throws {
    try check(code, entry.operation)
    if entry.receives { try requireWhole(received, of: entry.count, entry.operation) }
  }
}
