import CMPI

/// A part of each rank's elements on its way to each other rank. It owns the memory of both ends.
///
/// As with ``Pending``, MPI goes on with it in calls only, and one that is let go of waits first.
public final class PendingExchange<T: MPIScalar> {
  private let sent: UnsafeMutableBufferPointer<T>
  private let received: UnsafeMutableBufferPointer<T>
  private let requests: Requests<T>

  fileprivate init(
    on communicator: Communicator, sending sendCounts: [Int], receiving receiveCounts: [Int],
    isSameForAll: Bool, fill: (UnsafeMutableBufferPointer<T>) throws -> Void
  ) throws {
    let (rank, size) = (communicator.rank, communicator.size)
    sent = .allocate(capacity: isSameForAll ? sendCounts[rank] : sendCounts.reduce(0, +))
    received = .allocate(capacity: receiveCounts.reduce(0, +))
    requests = Requests()
    try fill(sent)
    let sendStarts = isSameForAll ? Array(repeating: 0, count: size) : partStarts(of: sendCounts)
    let receiveStarts = partStarts(of: receiveCounts)
    func part(_ buffer: UnsafeMutableBufferPointer<T>, _ start: Int, _ count: Int)
      -> UnsafeMutableBufferPointer<T>
    {
      UnsafeMutableBufferPointer(rebasing: buffer[start..<start + count])
    }
    // From the next rank on, so that not all begin with the same one.
    let others = (1..<max(1, size)).map { (rank + $0) % size }
    for other in others.reversed() {
      let part = part(received, receiveStarts[other], receiveCounts[other])
      try communicator.forEachPiece(of: part) { first, count in
        try requests.add("MPI_Irecv", count: count, receives: true) {
          cmpi_irecv(
            first, count, T.mpiDatatype.code, CInt(other), exchangeTag, communicator.handle, &$0)
        }
      }
    }
    for other in others {
      let part = part(sent, sendStarts[other], sendCounts[other])
      try communicator.forEachPiece(of: part) { first, count in
        try requests.add("MPI_Isend", count: count, receives: false) {
          cmpi_isend(
            first, count, T.mpiDatatype.code, CInt(other), exchangeTag, communicator.handle, &$0)
        }
      }
    }
    precondition(sendCounts[rank] == receiveCounts[rank], "a rank keeps the part that it has")
    _ = part(received, receiveStarts[rank], receiveCounts[rank])
      .update(fromContentsOf: part(sent, sendStarts[rank], sendCounts[rank]))
  }

  deinit {
    requests.abandon()
    sent.deallocate()
    received.deallocate()
  }

  /// Whether it is done; never waits.
  public func isDone() throws -> Bool { try requests.areDone() }

  /// Waits for the end and calls `body` with what came, the parts one after another in rank order.
  ///
  /// - Throws: ``MPIError``, and what `body` throws.
  public func withReceived<Result>(_ body: (UnsafeBufferPointer<T>) throws -> Result) throws
    -> Result
  {
    try requests.finish()
    return try body(UnsafeBufferPointer(received))
  }
}

/// Messages of exchanges meet no others of the same communicator: its users' tags are below.
private let exchangeTag: CInt = 32767

extension Communicator {
  /// Starts to send every rank a part of its own, in rank order. Collective; started in the same
  /// order as other exchanges.
  ///
  /// Each part goes from its sender to its receiver and through no other rank, so that what is
  /// computed from the parts is in the hands of the receiver, the order of additions with it.
  ///
  /// - Parameters:
  ///   - sendCounts: The number of elements for each rank.
  ///   - receiveCounts: The number of elements from each rank, which says the same of it.
  ///   - fill: Writes the elements for all ranks, one part after another.
  /// - Source: MPI 3.1, section 5.8 (`MPI_Alltoallv`), by messages of section 3.7.
  public func startAllToAll<T: MPIScalar>(
    _ type: T.Type = T.self, sending sendCounts: [Int], receiving receiveCounts: [Int],
    fill: (UnsafeMutableBufferPointer<T>) throws -> Void
  ) throws -> PendingExchange<T> {
    precondition(sendCounts.count == size && receiveCounts.count == size, "a count for each rank")
    return try PendingExchange(
      on: self, sending: sendCounts, receiving: receiveCounts, isSameForAll: false, fill: fill)
  }

  /// Starts to send this rank's part to every rank. Collective; started in the same order as other
  /// exchanges.
  ///
  /// - Parameters:
  ///   - counts: The number of elements of each rank's part, the same list on every rank.
  ///   - fill: Writes this rank's part.
  /// - Source: MPI 3.1, section 5.7 (`MPI_Allgatherv`), by messages of section 3.7.
  public func startAllGatherV<T: MPIScalar>(
    _ type: T.Type = T.self, counts: [Int], fill: (UnsafeMutableBufferPointer<T>) throws -> Void
  ) throws -> PendingExchange<T> {
    precondition(counts.count == size, "a count for each rank")
    return try PendingExchange(
      on: self, sending: Array(repeating: counts[rank], count: size), receiving: counts,
      isSameForAll: true, fill: fill)
  }

  /// Starts to send this rank's part to the root; nothing comes to the others. Collective; started in
  /// the same order as other exchanges.
  ///
  /// - Parameters:
  ///   - counts: The number of elements of each rank's part, the same list on every rank.
  ///   - fill: Writes this rank's part.
  /// - Source: MPI 3.1, section 5.5 (`MPI_Gatherv`), by messages of section 3.7.
  public func startGather<T: MPIScalar>(
    _ type: T.Type = T.self, counts: [Int], root: Int = 0,
    fill: (UnsafeMutableBufferPointer<T>) throws -> Void
  ) throws -> PendingExchange<T> {
    precondition(counts.count == size, "a count for each rank")
    requireRoot(root)
    let none = Array(repeating: 0, count: size)
    var sending = none
    sending[root] = counts[rank]
    return try PendingExchange(
      on: self, sending: sending, receiving: rank == root ? counts : none, isSameForAll: false,
      fill: fill)
  }

  /// Starts to add up all ranks' elements, of which each rank gets a part, in rank order. Collective;
  /// as many elements on each, and started in the same order as other exchanges.
  ///
  /// - Parameters:
  ///   - counts: The number of elements of each rank's part, the same list on every rank.
  ///   - fill: Writes this rank's elements, for all ranks.
  /// - Source: MPI 3.1, section 5.10 (`MPI_Reduce_scatter`), by messages of section 3.7.
  public func startReduceScatter<T: MPIScalar>(
    _ type: T.Type = T.self, counts: [Int], fill: (UnsafeMutableBufferPointer<T>) throws -> Void
  ) throws -> PendingSum<T> {
    PendingSum(
      try startAllToAll(
        sending: counts, receiving: Array(repeating: counts[rank], count: size), fill: fill),
      count: counts[rank])
  }
}

/// The sum over all ranks of this rank's part of their elements, on its way.
public struct PendingSum<T: MPIScalar> {
  private let exchange: PendingExchange<T>
  private let count: Int

  fileprivate init(_ exchange: PendingExchange<T>, count: Int) {
    self.exchange = exchange
    self.count = count
  }

  /// Whether all elements are there; never waits.
  public func isDone() throws -> Bool { try exchange.isDone() }

  /// Waits for all elements.
  ///
  /// - Returns: Their sums, added in rank order: the same bits in every call.
  /// - Throws: ``MPIError``.
  public func wait() throws -> [T] {
    try exchange.withReceived { parts in
      var sum = Array(parts[..<count])
      for start in stride(from: count, to: parts.count, by: max(1, count)) {
        for index in 0..<count { sum[index] = .sum(sum[index], parts[start + index]) }
      }
      return sum
    }
  }
}
