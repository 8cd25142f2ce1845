import MPI
import RankChecks

let reductionChecks = [
  RankCheck("everyScalarTypeIsReduced") { world, findings in
    try checkReductions(of: Int32.self, on: world, &findings)
    try checkReductions(of: Int64.self, on: world, &findings)
    try checkReductions(of: UInt8.self, on: world, &findings)
    try checkReductions(of: UInt64.self, on: world, &findings)
    try checkReductions(of: Float.self, on: world, &findings)
    try checkReductions(of: Double.self, on: world, &findings)
    try checkReductions(of: Float16.self, on: world, &findings)
  },
  RankCheck("bfloat16IsReduced") { world, findings in
    let size = world.size
    for (reduction, expected) in [(Reduction.sum, size * (size + 1) / 2), (.min, 1), (.max, size)] {
      let found = try world.allReduce(BFloat16(Float(world.rank + 1)), by: reduction)
      findings.expect(found, equals: BFloat16(Float(expected)), "\(reduction)")
    }
    // 1 + 2^-8 lies between 1 and the next number: a tie, which goes to the even 1.
    let tie = try world.allReduce(
      BFloat16(world.rank == 0 ? 1 : world.rank == 1 ? 0x1p-8 : 0), by: .sum)
    findings.expect(tie, equals: BFloat16(1), "a tie")
    let above = try world.allReduce(
      BFloat16(world.rank == 0 ? 1 : world.rank == 1 ? 0x1.02p-8 : 0), by: .sum)
    findings.expect(above.float, equals: size > 1 ? 1 + 0x1p-7 : 1, "above the tie")
  },
  RankCheck("eachRankGetsItsPartOfAReduction") { world, findings in
    for elementsPerCall in [1, 5, 1000] {
      let pieces = try world.duplicate(elementsPerCall: elementsPerCall)
      // Rank r gets r + 2 elements, and the first rank none.
      let counts = (0..<world.size).map { $0 == 0 ? 0 : $0 + 2 }
      let total = counts.reduce(0, +)
      let part = try pieces.reduceScatter(
        (0..<total).map { Int64($0 * (world.rank + 1)) }, counts: counts, by: .sum)
      let start = counts[..<world.rank].reduce(0, +)
      let factor = world.size * (world.size + 1) / 2
      let expected = (start..<start + counts[world.rank]).map { Int64($0 * factor) }
      findings.expect(part, equals: expected, "in pieces of \(elementsPerCall)")
      try pieces.free()
    }
  },
  RankCheck("anEmptyVectorIsReducedToAnEmptyOne") { world, findings in
    var values: [Double] = []
    try world.allReduce(&values, by: .sum)
    try world.orderedSum(&values)
    findings.expect(values, equals: [], "values")
  },
  RankCheck("largeIntegersKeepAllTheirBits") { world, findings in
    let least = try world.allReduce(UInt64.max - UInt64(world.rank), by: .min)
    findings.expect(least, equals: UInt64.max - UInt64(world.size - 1), "least")
  },
  RankCheck("aVectorInPiecesIsReducedAsAWhole") { world, findings in
    for elementsPerCall in [1, 3, 10, 11] {
      let pieces = try world.duplicate(elementsPerCall: elementsPerCall)
      var values = (0..<10).map { Int64($0 + world.rank) }
      try pieces.allReduce(&values, by: .max)
      let expected = (0..<10).map { Int64($0 + world.size - 1) }
      findings.expect(values, equals: expected, "maxima in pieces of \(elementsPerCall)")
      var sums = (0..<10).map { Double($0 * world.rank) }
      try pieces.orderedSum(&sums)
      let rankSum = world.size * (world.size - 1) / 2
      let expectedSums = (0..<10).map { Double($0 * rankSum) }
      findings.expect(sums, equals: expectedSums, "ordered sums in pieces of \(elementsPerCall)")
      try pieces.free()
    }
  },
  RankCheck("sumsHaveTheSameBitsOnEveryRankAndEveryTime") { world, findings in
    // Lengths on both sides of the limits at which Open MPI changes its algorithm.
    for count in [1, 7, 1_000, 2_000, 100_000, 300_001] {
      let mine = addends(count: count, rank: world.rank)
      var first: [UInt64] = []
      for attempt in 0..<3 {
        var values = mine
        try world.allReduce(&values, by: .sum)
        let bits = values.map(\.bitPattern)
        if attempt == 0 { first = bits }
        findings.expect(bits == first, equals: true, "attempt \(attempt) with \(count) elements")
        let hash = digest(of: bits)
        let least = try world.allReduce(hash, by: .min)
        let greatest = try world.allReduce(hash, by: .max)
        findings.expect(least, equals: greatest, "ranks' bits with \(count) elements")
      }
    }
  },
  RankCheck("orderedSumsAreThoseOfALoopOverTheRanks") { world, findings in
    // One more element than goes in one piece.
    for count in [1, 1_000, (1 << 16) + 1] {
      var values = addends(count: count, rank: world.rank)
      try world.orderedSum(&values)
      var expected = addends(count: count, rank: 0)
      for rank in 1..<world.size {
        let other = addends(count: count, rank: rank)
        for index in 0..<count { expected[index] += other[index] }
      }
      let isEqual = values.map(\.bitPattern) == expected.map(\.bitPattern)
      findings.expect(isEqual, equals: true, "bits of \(count) sums")
    }
  },
]

/// Rank `r` gives `[r + 1, 10 - r]`.
private func checkReductions<T: MPIScalar & Numeric>(
  of type: T.Type, on world: Communicator, _ findings: inout Findings
) throws {
  let size = world.size
  let mine = [world.rank + 1, 10 - world.rank].compactMap { T(exactly: $0) }
  let expectations: [(Reduction, [Int])] = [
    (.sum, [size * (size + 1) / 2, 10 * size - size * (size - 1) / 2]),
    (.min, [1, 11 - size]),
    (.max, [size, 10]),
  ]
  for (reduction, expected) in expectations {
    var values = mine
    try world.allReduce(&values, by: reduction)
    let wanted = expected.compactMap { T(exactly: $0) }
    findings.expect(values, equals: wanted, "\(reduction) of \(type)")
    let single = try world.allReduce(mine[0], by: reduction)
    findings.expect(single, equals: wanted[0], "\(reduction) of one \(type)")
  }
}

/// Returns numbers over twelve orders of magnitude, so that another order of adding shows.
private func addends(count: Int, rank: Int) -> [Double] {
  var state = UInt64(rank + 1) &* 0x9E37_79B9_7F4A_7C15
  return (0..<count).map { _ in
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    let fraction = Double(state >> 11) / Double(1 << 53) - 0.5
    let scales = [1e-6, 1e-3, 1, 1e3, 1e6]
    return fraction * scales[Int(state % UInt64(scales.count))]
  }
}

/// FNV-1a over whole words.
private func digest(of words: [UInt64]) -> UInt64 {
  words.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ $1) &* 0x100_0000_01B3 }
}
