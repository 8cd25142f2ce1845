import CMPI

extension Communicator {
  /// Puts the ranks' parts one after another, in rank order, into the root's `all`. Collective; as
  /// many elements on each rank.
  ///
  /// - Parameter all: Room for ``size`` parts on the root; not looked at on other ranks.
  /// - Source: MPI 3.1, section 5.5.
  public func gather<T: MPIScalar>(
    _ part: UnsafeBufferPointer<T>, into all: UnsafeMutableBufferPointer<T>?, root: Int = 0
  ) throws {
    requireRoot(root)
    let counts = [Int](repeating: part.count, count: size)
    try move(part, counts: counts, into: all, receiver: root)
  }

  /// Returns every rank's elements, in rank order, on the root, and `nil` on the others.
  /// Collective; ranks may have different numbers of elements.
  public func gather<T: MPIScalar>(_ part: [T], root: Int = 0) throws -> [[T]]? {
    requireRoot(root)
    let counts = try allGather(Int64(part.count)).map(Int.init)
    guard rank == root else {
      try part.withUnsafeBufferPointer {
        try move($0, counts: counts, into: nil, receiver: root)
      }
      return nil
    }
    return try receive(part, counts: counts, receiver: root)
  }

  /// Puts the ranks' parts one after another, in rank order, into every rank's `all`. Collective;
  /// as many elements on each rank.
  ///
  /// - Parameter all: Room for ``size`` parts.
  /// - Source: MPI 3.1, section 5.7.
  public func allGather<T: MPIScalar>(
    _ part: UnsafeBufferPointer<T>, into all: UnsafeMutableBufferPointer<T>
  ) throws {
    let counts = [Int](repeating: part.count, count: size)
    try move(part, counts: counts, into: all, receiver: nil)
  }

  /// Returns the ranks' parts one after another, in rank order. Collective.
  ///
  /// - Throws: ``MPIError``, the same on every rank where they give different numbers of elements.
  public func allGather<T: MPIScalar>(_ part: [T]) throws -> [T] {
    let counts = try allGather(Int64(part.count)).map(Int.init)
    guard counts.allSatisfy({ $0 == part.count }) else {
      throw MPIError.unequalCounts(operation: "allGather", counts: counts)
    }
    return try receiveFlat(part, counts: counts, receiver: nil)
  }

  /// Returns one element of each rank, in rank order. Collective.
  public func allGather<T: MPIScalar>(_ value: T) throws -> [T] {
    try receiveFlat([value], counts: [Int](repeating: 1, count: size), receiver: nil)
  }

  /// Puts the ranks' parts one after another, in rank order, into every rank's `all`. Collective.
  ///
  /// - Parameters:
  ///   - counts: The number of elements of each rank, the same list on every rank.
  ///   - all: Room for all parts.
  /// - Source: MPI 3.1, section 5.7 (`MPI_Allgatherv`).
  public func allGatherV<T: MPIScalar>(
    _ part: UnsafeBufferPointer<T>, counts: [Int], into all: UnsafeMutableBufferPointer<T>
  ) throws {
    try move(part, counts: counts, into: all, receiver: nil)
  }

  /// Returns every rank's elements, in rank order. Collective; ranks may have different numbers of
  /// elements.
  public func allGatherV<T: MPIScalar>(_ part: [T]) throws -> [[T]] {
    let counts = try allGather(Int64(part.count)).map(Int.init)
    return try receive(part, counts: counts, receiver: nil)
  }
}

extension Communicator {
  private func receive<T: MPIScalar>(
    _ part: [T], counts: [Int], receiver: Int?
  ) throws -> [[T]] {
    let flat = try receiveFlat(part, counts: counts, receiver: receiver)
    return zip(counts, partStarts(of: counts)).map { count, start in
      Array(flat[start..<start + count])
    }
  }

  /// Returns all parts joined, on a rank that receives them.
  private func receiveFlat<T: MPIScalar>(
    _ part: [T], counts: [Int], receiver: Int?
  ) throws -> [T] {
    let total = counts.reduce(0, +)
    return try [T](unsafeUninitializedCapacity: total) { all, initializedCount in
      try part.withUnsafeBufferPointer {
        try move(
          $0, counts: counts, into: UnsafeMutableBufferPointer(rebasing: all[..<total]),
          receiver: receiver)
      }
      initializedCount = total
    }
  }

  /// Moves each rank's part to one rank, or where `receiver` is `nil` to all.
  ///
  /// Where all parts together are more than one call may move, they go in rounds, a slice of each
  /// rank at a time, through a buffer: MPI's displacements have 32 bits as well.
  private func move<T: MPIScalar>(
    _ part: UnsafeBufferPointer<T>, counts: [Int], into all: UnsafeMutableBufferPointer<T>?,
    receiver: Int?
  ) throws {
    let total = counts.reduce(0, +)
    let destination = receiver == nil || receiver == rank ? all : nil
    precondition(counts.count == size && counts[rank] == part.count, "counts are not the parts'")
    precondition(
      receiver != nil && receiver != rank || destination?.count == total,
      "the receiving buffer needs \(total) elements")
    guard total > elementsPerCall else {
      return try moveAtOnce(part, counts: counts, into: destination, receiver: receiver)
    }

    let sliceCount = max(1, elementsPerCall / size)
    let starts = partStarts(of: counts)
    let scratchCount = destination == nil ? 0 : sliceCount * size
    let scratch = UnsafeMutableBufferPointer<T>.allocate(capacity: scratchCount)
    defer { scratch.deallocate() }
    for done in stride(from: 0, to: counts.max() ?? 0, by: sliceCount) {
      let roundCounts = counts.map { min(sliceCount, max(0, $0 - done)) }
      let first = min(done, part.count)
      let slice = UnsafeBufferPointer(rebasing: part[first..<first + roundCounts[rank]])
      try moveAtOnce(
        slice, counts: roundCounts, into: destination == nil ? nil : scratch, receiver: receiver)
      guard let destination else { continue }
      for (other, start) in partStarts(of: roundCounts).enumerated() where roundCounts[other] > 0 {
        let count = roundCounts[other]
        let target = starts[other] + done
        _ = destination.extracting(target..<target + count)
          .update(fromContentsOf: scratch.extracting(start..<start + count))
      }
    }
  }

  private func moveAtOnce<T: MPIScalar>(
    _ part: UnsafeBufferPointer<T>, counts: [Int], into all: UnsafeMutableBufferPointer<T>?,
    receiver: Int?
  ) throws {
    let type = T.mpiDatatype.code
    let starts = partStarts(of: counts).map(CInt.init)
    let counts = counts.map(CInt.init)
    if let receiver {
      try check(
        cmpi_gatherv(
          part.baseAddress, CInt(part.count), all?.baseAddress, counts, starts, type,
          CInt(receiver), handle), "MPI_Gatherv")
    } else {
      try check(
        cmpi_allgatherv(
          part.baseAddress, CInt(part.count), all?.baseAddress, counts, starts, type, handle),
        "MPI_Allgatherv")
    }
  }
}

/// Where each part begins when they follow each other.
func partStarts(of counts: [Int]) -> [Int] {
  var start = 0
  return counts.map { count in
    defer { start += count }
    return start
  }
}
