import MPI
import RankChecks

/// Every rank sends to the next one, in a ring; one rank alone sends to itself, without waiting.
let messageChecks = [
  RankCheck("messagesGoAroundInARing") { world, findings in
    guard world.size > 1 else { return }
    let (next, previous) = (
      (world.rank + 1) % world.size, (world.rank + world.size - 1) % world.size
    )
    for elementsPerCall in [2, 1000] {
      let pieces = try world.duplicate(elementsPerCall: elementsPerCall)
      let mine = (0..<7).map { Double(world.rank * 100 + $0) }
      let expected = (0..<7).map { Double(previous * 100 + $0) }
      // Rank 0 begins, so that no one waits for all others.
      if world.rank == 0 { try pieces.send(mine, to: next, tag: 3) }
      let received = try pieces.receive(Double.self, count: 7, from: previous, tag: 3)
      if world.rank != 0 { try pieces.send(mine, to: next, tag: 3) }
      findings.expect(received, equals: expected, "in pieces of \(elementsPerCall)")
      try pieces.free()
    }
  },
  RankCheck("messagesGoBothWaysWithoutWaiting") { world, findings in
    let (next, previous) = (
      (world.rank + 1) % world.size, (world.rank + world.size - 1) % world.size
    )
    for elementsPerCall in [3, 1 << 20] {
      let pieces = try world.duplicate(elementsPerCall: elementsPerCall)
      let count = elementsPerCall == 3 ? 10 : 100_000
      let receiving = try pieces.startReceive(
        into: [Int64](repeating: -1, count: count), from: previous, tag: 1)
      let sending = try pieces.startSend(
        (0..<count).map { Int64(world.rank + $0) }, to: next, tag: 1)
      let received = try receiving.wait()
      findings.expect(
        received == (0..<count).map { Int64(previous + $0) }, equals: true,
        "elements in pieces of \(elementsPerCall)")
      _ = try sending.wait()
      findings.expect(try receiving.isDone(), equals: true, "done after waiting")
      try pieces.free()
    }
  },
  RankCheck("aShortMessageIsAnError") { world, findings in
    let sending = try world.startSend([1, 2] as [Float], to: world.rank)
    let expected = MPIError.shortMessage(operation: "MPI_Irecv", expected: 3, received: 2)
    do {
      _ = try world.startReceive(into: [0, 0, 0] as [Float], from: world.rank).wait()
      findings.expect("no error", equals: "\(expected)", "error")
    } catch let error as MPIError {
      findings.expect(error, equals: expected, "error")
    }
    _ = try sending.wait()
  },
  RankCheck("reductionsUnderWayGiveWhatBlockingOnesGive") { world, findings in
    let mine = (0..<1000).map { Float($0) / Float(world.rank + 3) }
    var expected = mine
    try world.allReduce(&expected, by: .max)
    let pieces = try world.duplicate(elementsPerCall: 300)
    let first = try pieces.startAllReduce(mine, by: .max)
    let second = try pieces.startAllReduce([BFloat16(Float(world.rank))], by: .sum)
    // The second is waited for first.
    let rankSum = world.size * (world.size - 1) / 2
    findings.expect(try second.wait(), equals: [BFloat16(Float(rankSum))], "second")
    findings.expect(try first.wait(), equals: expected, "first")
    try pieces.free()
  },
  RankCheck("broadcastsAndBarriersUnderWayComeToTheirEnd") { world, findings in
    let root = world.size - 1
    let sent = try world.startBroadcast(
      world.rank == root ? [1, 2, 3] as [UInt8] : [0, 0, 0], root: root)
    let barrier = try world.startBarrier()
    while try !barrier.isDone() {}
    findings.expect(try sent.wait(), equals: [1, 2, 3], "elements")
  },
  RankCheck("whatIsLetGoOfIsFinishedFirst") { world, findings in
    for _ in 0..<10 {
      _ = try world.startAllReduce([Double](repeating: 1, count: 10_000), by: .sum)
    }
    findings.expect(
      try world.allReduce(1.0, by: .sum), equals: Double(world.size), "the next reduction")
  },
]
