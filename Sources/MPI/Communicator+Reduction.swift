import CMPI

extension Communicator {
  /// Replaces each element by its reduction over all ranks. Collective; as many elements on each.
  ///
  /// With Open MPI's own algorithms a sum of floating-point numbers has the same bits on every
  /// rank, and again in each call with as many ranks and elements: they add every element in a
  /// fixed tree, or on one rank. MPI only recommends this, and a network's collective hardware may
  /// add in the order of arrival. The tree depends on the number of elements: the same addends
  /// within a longer vector may give other last bits. Where equality has to be certain, use
  /// `orderedSum`.
  ///
  /// - Source: MPI 3.1, section 5.9.6.
  public func allReduce<T: MPIScalar>(
    _ values: UnsafeMutableBufferPointer<T>, by reduction: Reduction
  ) throws {
    let type = T.mpiDatatype
    let operation = try type.operation(reduction)
    try forEachPiece(of: values) { start, count in
      try check(cmpi_allreduce(start, count, type.code, operation, handle), "MPI_Allreduce")
    }
  }

  /// Replaces each element by its reduction over all ranks. Collective; as many elements on each.
  ///
  /// For what it promises of sums see the form for buffers.
  public func allReduce<T: MPIScalar>(_ values: inout [T], by reduction: Reduction) throws {
    try values.withUnsafeMutableBufferPointer { try allReduce($0, by: reduction) }
  }

  /// Returns the reduction of one element of each rank. Collective.
  ///
  /// For what it promises of sums see the form for buffers.
  public func allReduce<T: MPIScalar>(_ value: T, by reduction: Reduction) throws -> T {
    var result = value
    try withUnsafeMutablePointer(to: &result) {
      try allReduce(UnsafeMutableBufferPointer(start: $0, count: 1), by: reduction)
    }
    return result
  }

  /// Returns this rank's part of the reduction of all ranks' elements: the parts follow each other in
  /// rank order. Collective; as many elements on each.
  ///
  /// - Parameters:
  ///   - counts: The number of elements of each rank's part, the same list on every rank; together
  ///     as many as `values` has.
  /// - Source: MPI 3.1, section 5.10 (`MPI_Reduce_scatter`).
  public func reduceScatter<T: MPIScalar>(_ values: [T], counts: [Int], by reduction: Reduction)
    throws -> [T]
  {
    precondition(
      counts.count == size && counts.reduce(0, +) == values.count, "counts are not the parts'")
    let type = T.mpiDatatype
    let operation = try type.operation(reduction)
    var result: [T] = []
    result.reserveCapacity(counts[rank])
    // A slice of each part at a time, joined: MPI counts the whole in 32 bits.
    let sliceCount = max(1, elementsPerCall / size)
    for done in stride(from: 0, to: counts.max() ?? 0, by: sliceCount) {
      let roundCounts = counts.map { min(sliceCount, max(0, $0 - done)) }
      var (slices, start): ([T], Int) = ([], 0)
      for (count, roundCount) in zip(counts, roundCounts) {
        slices += values[start + min(done, count)..<start + min(done, count) + roundCount]
        start += count
      }
      result += try [T](unsafeUninitializedCapacity: roundCounts[rank]) { part, initializedCount in
        let code = slices.withUnsafeBufferPointer {
          cmpi_reduce_scatter(
            $0.baseAddress, part.baseAddress, roundCounts.map(CInt.init), type.code, operation,
            handle)
        }
        try check(code, "MPI_Reduce_scatter")
        initializedCount = roundCounts[rank]
      }
    }
    return result
  }

  /// Replaces each element by its sum over all ranks, added in rank order. Collective; as many
  /// elements on each.
  ///
  /// `((x0 + x1) + x2) + …`, computed on rank 0 and broadcast: with as many ranks the bits are the
  /// same on every rank and in every call, whatever the MPI library, the network and the length of
  /// the vector. Rank 0 receives and adds everything, in pieces: for small vectors.
  public func orderedSum<T: MPIScalar & BinaryFloatingPoint>(
    _ values: UnsafeMutableBufferPointer<T>
  ) throws {
    // 2^16 elements of each rank: the memory of rank 0 stays small whatever the vector's length.
    let pieceCount = min(1 << 16, elementsPerCall)
    for start in stride(from: 0, to: values.count, by: pieceCount) {
      let end = min(start + pieceCount, values.count)
      try addInRankOrder(UnsafeMutableBufferPointer(rebasing: values[start..<end]))
    }
  }

  /// Replaces each element by its sum over all ranks, added in rank order. Collective; as many
  /// elements on each.
  ///
  /// For what it promises see the form for buffers.
  public func orderedSum<T: MPIScalar & BinaryFloatingPoint>(_ values: inout [T]) throws {
    try values.withUnsafeMutableBufferPointer { try orderedSum($0) }
  }

  private func addInRankOrder<T: MPIScalar & BinaryFloatingPoint>(
    _ values: UnsafeMutableBufferPointer<T>
  ) throws {
    let count = values.count
    let allCount = rank == 0 ? count * size : 0
    try withUnsafeTemporaryAllocation(of: T.self, capacity: allCount) { all in
      try gather(UnsafeBufferPointer(values), into: rank == 0 ? all : nil, root: 0)
      guard rank == 0 else { return }
      for index in 0..<count {
        var sum = all[index]
        for other in 1..<size { sum += all[other * count + index] }
        values[index] = sum
      }
    }
    try broadcast(values, root: 0)
  }
}
