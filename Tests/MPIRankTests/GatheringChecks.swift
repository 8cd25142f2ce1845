import MPI
import RankChecks

let gatheringChecks = [
  RankCheck("unevenPartsArriveInRankOrderOnTheRootOnly") { world, findings in
    for root in 0..<world.size {
      let parts = try world.gather(part(of: world.rank), root: root)
      let expected = world.rank == root ? (0..<world.size).map(part) : nil
      findings.expect(parts, equals: expected, "root \(root)")
    }
  },
  RankCheck("unevenPartsArriveInRankOrderOnAllRanks") { world, findings in
    let parts = try world.allGatherV(part(of: world.rank))
    findings.expect(parts, equals: (0..<world.size).map(part), "parts")
  },
  RankCheck("partsThatAreAllEmptyAreGathered") { world, findings in
    let none = [[Int64]](repeating: [], count: world.size)
    findings.expect(try world.allGatherV([Int64]()), equals: none, "all")
    let gathered = try world.gather([Int64]())
    findings.expect(gathered, equals: world.rank == 0 ? none : nil, "root")
    findings.expect(try world.allGather([Int64]()), equals: [], "flat")
  },
  RankCheck("equalPartsAreJoined") { world, findings in
    let joined = try world.allGather([UInt64(world.rank), 7])
    findings.expect(joined, equals: (0..<world.size).flatMap { [UInt64($0), 7] }, "joined")
  },
  RankCheck("unequalPartsAreRefusedOnEveryRank") { world, findings in
    let counts = (0..<world.size).map { $0 == 0 ? 2 : 1 }
    let mine = [Float](repeating: 0, count: counts[world.rank])
    var error: MPIError?
    do { _ = try world.allGather(mine) } catch let caught as MPIError { error = caught }
    let expected = MPIError.unequalCounts(operation: "allGather", counts: counts)
    findings.expect(error, equals: world.size == 1 ? nil : expected, "error")
  },
  RankCheck("buffersAreFilledInRankOrder") { world, findings in
    let mine = [Double(world.rank), 0.5]
    var all = [Double](repeating: -1, count: 2 * world.size)
    let expected = (0..<world.size).flatMap { [Double($0), 0.5] }
    try mine.withUnsafeBufferPointer { part in
      try all.withUnsafeMutableBufferPointer { try world.allGather(part, into: $0) }
    }
    findings.expect(all, equals: expected, "on all")
    var atRoot = [Double](repeating: -1, count: 2 * world.size)
    try mine.withUnsafeBufferPointer { part in
      try atRoot.withUnsafeMutableBufferPointer {
        try world.gather(part, into: world.rank == 0 ? $0 : nil)
      }
    }
    let untouched = [Double](repeating: -1, count: 2 * world.size)
    findings.expect(atRoot, equals: world.rank == 0 ? expected : untouched, "on the root")
  },
  RankCheck("buffersOfKnownUnevenCountsAreFilledInRankOrder") { world, findings in
    let counts = (0..<world.size).map { part(of: $0).count }
    var all = [Int32](repeating: -1, count: counts.reduce(0, +))
    try part(of: world.rank).withUnsafeBufferPointer { part in
      try all.withUnsafeMutableBufferPointer {
        try world.allGatherV(part, counts: counts, into: $0)
      }
    }
    findings.expect(all, equals: (0..<world.size).flatMap(part), "joined")
  },
  RankCheck("partsThatNeedSeveralCallsArriveWhole") { world, findings in
    for elementsPerCall in [1, 2, 5, 9] {
      let pieces = try world.duplicate(elementsPerCall: elementsPerCall)
      let expected = (0..<world.size).map(part)
      let onAll = try pieces.allGatherV(part(of: world.rank))
      findings.expect(onAll, equals: expected, "on all, \(elementsPerCall) a call")
      let onLast = try pieces.gather(part(of: world.rank), root: world.size - 1)
      findings.expect(
        onLast, equals: world.rank == world.size - 1 ? expected : nil,
        "on the last, \(elementsPerCall) a call")
      // The last rank now has nothing, and the others still do.
      let falling = try pieces.allGatherV(part(of: world.size - 1 - world.rank))
      findings.expect(
        falling, equals: expected.reversed(), "falling lengths, \(elementsPerCall) a call")
      try pieces.free()
    }
  },
]

/// Returns 0, 3, 6, 9 … distinct elements for ranks 0, 1, 2, 3 …
private func part(of rank: Int) -> [Int32] {
  (0..<3 * rank).map { Int32(100 * rank + $0) }
}
