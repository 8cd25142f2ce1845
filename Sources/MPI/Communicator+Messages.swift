import CMPI

extension Communicator {
  /// Sends elements to another rank, which must receive as many of the type with the same tag. May
  /// wait until it does.
  ///
  /// - Parameter tag: Tells messages between the same two ranks apart; in `0..<32767`.
  /// - Source: MPI 3.1, section 3.2.
  public func send<T: MPIScalar>(_ values: [T], to other: Int, tag: Int = 0) throws {
    requireRank(other, tag: tag)
    try values.withUnsafeBufferPointer { buffer in
      try forEachPiece(of: UnsafeMutableBufferPointer(mutating: buffer)) { start, count in
        try check(
          cmpi_send(start, count, T.mpiDatatype.code, CInt(other), CInt(tag), handle), "MPI_Send")
      }
    }
  }

  /// Waits for `count` elements from another rank.
  ///
  /// - Throws: ``MPIError``, also where fewer or more came.
  /// - Source: MPI 3.1, section 3.2.
  public func receive<T: MPIScalar>(
    _ type: T.Type = T.self, count: Int, from other: Int, tag: Int = 0
  ) throws -> [T] {
    requireRank(other, tag: tag)
    return try [T](unsafeUninitializedCapacity: count) { buffer, initializedCount in
      try forEachPiece(of: UnsafeMutableBufferPointer(rebasing: buffer[..<count])) { start, count in
        var received: CInt = 0
        try check(
          cmpi_recv(
            start, count, T.mpiDatatype.code, CInt(other), CInt(tag), handle, &received),
          "MPI_Recv")
        try requireWhole(received, of: count, "MPI_Recv")
      }
      initializedCount = count
    }
  }

  func requireRank(_ other: Int, tag: Int) {
    precondition((0..<size).contains(other), "rank \(other) is none of \(size)")
    // What MPI grants at least, without the one that exchanges have.
    precondition((0..<32767).contains(tag), "a tag is in 0..<32767, got \(tag)")
  }
}

/// Refuses a message that is shorter than it should be: a longer one is MPI's own error.
func requireWhole(_ received: CInt, of count: CInt, _ operation: String) throws(MPIError) {
  guard received != count else { return }
  throw .shortMessage(operation: operation, expected: Int(count), received: Int(received))
}
