import CMPI

/// A communication under way, with the elements that it reads or writes.
///
/// It owns their memory, which so cannot go before MPI is done with it. One that is let go of waits
/// for its end first: other ranks must take part in it in any case. MPI goes on with it in calls of
/// this or another communicator; a thread of its own that waits lets it overlap with computation.
public final class Pending<T: MPIScalar> {
  private let buffer: UnsafeMutableBufferPointer<T>
  private let requests: Requests<T>

  /// Copies the elements and calls `start` for each piece of them.
  fileprivate init(
    _ values: [T], on communicator: Communicator, _ operation: String, receives: Bool = false,
    start: (UnsafeMutablePointer<T>, CInt, inout cmpi_request) -> CInt
  ) throws {
    buffer = .allocate(capacity: values.count)
    _ = buffer.initialize(fromContentsOf: values)
    requests = Requests()
    try communicator.forEachPiece(of: buffer) { first, count in
      try requests.add(operation, count: count, receives: receives) { start(first, count, &$0) }
    }
  }

  deinit {
    requests.abandon()
    buffer.deallocate()
  }

  /// Whether it is done; never waits.
  public func isDone() throws -> Bool { try requests.areDone() }

  /// Waits for the end.
  ///
  /// - Returns: The elements as they are then.
  /// - Throws: ``MPIError``, also where fewer elements came than were to be received.
  public func wait() throws -> [T] {
    try requests.finish()
    return Array(buffer)
  }
}

extension Communicator {
  /// Starts to replace the elements by their reductions over all ranks. Collective; as many elements
  /// on each, and started in the same order as other collectives.
  ///
  /// - Source: MPI 3.1, section 5.12.9 (`MPI_Iallreduce`).
  public func startAllReduce<T: MPIScalar>(_ values: [T], by reduction: Reduction) throws
    -> Pending<T>
  {
    let type = T.mpiDatatype
    let operation = try type.operation(reduction)
    return try Pending(values, on: self, "MPI_Iallreduce") { start, count, request in
      cmpi_iallreduce(start, count, type.code, operation, handle, &request)
    }
  }

  /// Starts to replace the elements by the root's. Collective; as many elements on each.
  ///
  /// - Source: MPI 3.1, section 5.12.2 (`MPI_Ibcast`).
  public func startBroadcast<T: MPIScalar>(_ values: [T], root: Int = 0) throws -> Pending<T> {
    requireRoot(root)
    return try Pending(values, on: self, "MPI_Ibcast") { start, count, request in
      cmpi_ibcast(start, count, T.mpiDatatype.code, CInt(root), handle, &request)
    }
  }

  /// Starts to wait until all ranks are here. Collective.
  ///
  /// - Source: MPI 3.1, section 5.12.1 (`MPI_Ibarrier`).
  public func startBarrier() throws -> Pending<UInt8> {
    try Pending([0], on: self, "MPI_Ibarrier") { _, _, request in
      cmpi_ibarrier(handle, &request)
    }
  }

  /// Starts to send elements to another rank.
  ///
  /// - Source: MPI 3.1, section 3.7 (`MPI_Isend`).
  public func startSend<T: MPIScalar>(_ values: [T], to other: Int, tag: Int = 0) throws
    -> Pending<T>
  {
    requireRank(other, tag: tag)
    return try Pending(values, on: self, "MPI_Isend") { start, count, request in
      cmpi_isend(start, count, T.mpiDatatype.code, CInt(other), CInt(tag), handle, &request)
    }
  }

  /// Starts to receive as many elements as there are in `values`, which they replace.
  ///
  /// - Source: MPI 3.1, section 3.7 (`MPI_Irecv`).
  public func startReceive<T: MPIScalar>(into values: [T], from other: Int, tag: Int = 0) throws
    -> Pending<T>
  {
    requireRank(other, tag: tag)
    return try Pending(values, on: self, "MPI_Irecv", receives: true) { start, count, request in
      cmpi_irecv(start, count, T.mpiDatatype.code, CInt(other), CInt(tag), handle, &request)
    }
  }
}
