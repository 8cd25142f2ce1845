import MPI
import RankChecks

/// The part of `sender` for `receiver`, of a length of its own.
private func part(from sender: Int, to receiver: Int) -> [Int32] {
  (0..<sender + 2 * receiver).map { Int32(10_000 * sender + 100 * receiver + $0) }
}

let exchangeChecks = [
  RankCheck("everyRankGetsItsPartOfEveryRank") { world, findings in
    let ranks = 0..<world.size
    for elementsPerCall in [2, 1000] {
      let pieces = try world.duplicate(elementsPerCall: elementsPerCall)
      let mine = ranks.map { part(from: world.rank, to: $0) }
      // Two under way at a time.
      let pending = try (0..<2).map { turn in
        try pieces.startAllToAll(
          Int32.self, sending: mine.map(\.count),
          receiving: ranks.map { part(from: $0, to: world.rank).count }
        ) { _ = $0.initialize(fromContentsOf: mine.joined().map { $0 + Int32(turn) }) }
      }
      for (turn, exchange) in pending.enumerated().reversed() {
        findings.expect(
          try exchange.withReceived(Array.init),
          equals: ranks.flatMap { part(from: $0, to: world.rank) }.map { $0 + Int32(turn) },
          "exchange \(turn) in pieces of \(elementsPerCall)")
      }
      try pieces.free()
    }
  },
  RankCheck("everyRankGetsThePartsOfAll") { world, findings in
    let ranks = 0..<world.size
    for elementsPerCall in [2, 1000] {
      let pieces = try world.duplicate(elementsPerCall: elementsPerCall)
      let exchange = try pieces.startAllGatherV(
        Int32.self, counts: ranks.map { part(from: $0, to: 1).count }
      ) { _ = $0.initialize(fromContentsOf: part(from: world.rank, to: 1)) }
      while try !exchange.isDone() {}
      findings.expect(
        try exchange.withReceived(Array.init), equals: ranks.flatMap { part(from: $0, to: 1) },
        "in pieces of \(elementsPerCall)")
      try pieces.free()
    }
  },
  RankCheck("theRootAloneGetsThePartsOfAll") { world, findings in
    let ranks = 0..<world.size
    let root = world.size - 1
    let exchange = try world.startGather(
      Int32.self, counts: ranks.map { part(from: $0, to: 1).count }, root: root
    ) { _ = $0.initialize(fromContentsOf: part(from: world.rank, to: 1)) }
    findings.expect(
      try exchange.withReceived(Array.init),
      equals: world.rank == root ? ranks.flatMap { part(from: $0, to: 1) } : [], "elements")
  },
  RankCheck("everyRankGetsTheSumsOfItsPartInRankOrder") { world, findings in
    let counts = (0..<world.size).map { 3 * $0 }
    let count = counts.reduce(0, +)
    /// So different in size that another order of additions gives other bits.
    let mine = (0..<count).map { 1 / Double($0 + 1 + world.rank) * (world.rank == 1 ? 1e9 : 1) }
    var expected = mine
    try world.orderedSum(&expected)
    let pending = try world.startReduceScatter(Double.self, counts: counts) {
      _ = $0.initialize(fromContentsOf: mine)
    }
    while try !pending.isDone() {}
    let start = counts[..<world.rank].reduce(0, +)
    findings.expect(
      try pending.wait(), equals: Array(expected[start..<start + counts[world.rank]]), "sums")
  },
  RankCheck("sumsOfPartsAreAddedAsAReductionAddsThem") { world, findings in
    // Beyond 255 with two ranks or more; 257 and such is no 16-bit number.
    let counts = Array(repeating: 2, count: world.size)
    func sums<T: MPIScalar>(_ value: T) throws -> [T] {
      try world.startReduceScatter(T.self, counts: counts) { $0.initialize(repeating: value) }
        .wait()
    }
    findings.expect(
      try sums(UInt8(200)), equals: [UInt8](repeating: UInt8(200 * world.size % 256), count: 2),
      "wrapped around")
    findings.expect(
      try sums(Int32.max),
      equals: [Int32](
        repeating: (1..<world.size).reduce(.max) { sum, _ in sum &+ .max }, count: 2),
      "wrapped around")
    let third = BFloat16(1.0 / 3)
    findings.expect(
      try sums(third),
      equals: [BFloat16](
        repeating: (1..<world.size).reduce(third) { sum, _ in BFloat16(sum.float + third.float) },
        count: 2), "rounded")
  },
]
