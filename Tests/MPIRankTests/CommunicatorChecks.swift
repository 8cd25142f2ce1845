import MPI
import RankChecks

let communicatorChecks = [
  RankCheck("ranksAreNumberedFromZeroWithoutGaps") { world, findings in
    let ranks = try world.allGather(Int32(world.rank))
    findings.expect(ranks, equals: (0..<world.size).map { Int32($0) }, "ranks")
  },
  RankCheck("aDuplicateHasTheSameRanksAndWorksBesideTheOriginal") { world, findings in
    let copy = try world.duplicate()
    findings.expect([copy.rank, copy.size], equals: [world.rank, world.size], "rank and size")
    let one = try copy.allReduce(Int32(1), by: .sum)
    let two = try world.allReduce(Int32(2), by: .sum)
    findings.expect([one, two], equals: [Int32(world.size), Int32(2 * world.size)], "sums")
    try copy.free()
  },
  RankCheck("splittingByParityKeepsTheOrderOfRanks") { world, findings in
    let part = try world.split(color: world.rank % 2)
    findings.expect(part.rank, equals: world.rank / 2, "rank in the part")
    let members = try part.allGather(Int32(world.rank))
    let expected = (0..<world.size).filter { $0 % 2 == world.rank % 2 }.map { Int32($0) }
    findings.expect(members, equals: expected, "members")
    try part.free()
  },
  RankCheck("aFallingKeyReversesTheRanks") { world, findings in
    let reversed = try world.split(color: 0, key: world.size - world.rank)
    findings.expect(reversed.rank, equals: world.size - 1 - world.rank, "rank")
    try reversed.free()
  },
  RankCheck("ranksOfOneMachineShareACommunicator") { world, findings in
    let machine = try world.splitByMachine()
    // The checks run on one machine, where local rank and rank are the same.
    findings.expect([machine.rank, machine.size], equals: [world.rank, world.size], "local rank")
    try machine.free()
  },
  RankCheck("communicatorsCanBeMadeAndFreedManyTimes") { world, findings in
    var sum: Int32 = 0
    for _ in 0..<200 {
      let copy = try world.duplicate()
      sum += try copy.allReduce(1, by: .sum)
      try copy.free()
    }
    findings.expect(sum, equals: Int32(200 * world.size), "sum over all copies")
  },
  RankCheck("aBarrierLetsAllThrough") { world, _ in
    for _ in 0..<100 { try world.barrier() }
  },
]
