import Foundation
import MPI
import RankChecks

let broadcastChecks = [
  RankCheck("everyRankCanBroadcast") { world, findings in
    for root in 0..<world.size {
      var values = [Int32](repeating: Int32(world.rank), count: 5)
      try world.broadcast(&values, root: root)
      findings.expect(values, equals: [Int32](repeating: Int32(root), count: 5), "root \(root)")
      let value = try world.broadcast(Double(world.rank) + 0.5, root: root)
      findings.expect(value, equals: Double(root) + 0.5, "one value of root \(root)")
    }
  },
  RankCheck("aVectorInPiecesIsBroadcastAsAWhole") { world, findings in
    for elementsPerCall in [1, 3, 10, 11] {
      let pieces = try world.duplicate(elementsPerCall: elementsPerCall)
      var values = (0..<10).map { world.rank == 0 ? Float($0) : -1 }
      try pieces.broadcast(&values)
      findings.expect(values, equals: (0..<10).map(Float.init), "pieces of \(elementsPerCall)")
      try pieces.free()
    }
  },
  RankCheck("dataOfUnknownLengthArriveWhole") { world, findings in
    let root = world.size - 1
    for count in [0, 1, 1_000_003] {
      let sent = Data((0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) })
      let received = try world.broadcast(world.rank == root ? sent : nil, root: root)
      findings.expect(received == sent, equals: true, "\(count) bytes")
    }
  },
  RankCheck("aSliceOfDataIsBroadcast") { world, findings in
    let slice = Data([0, 1, 2, 3, 4])[2...3]
    let received = try world.broadcast(world.rank == 0 ? slice : nil)
    findings.expect([UInt8](received), equals: [2, 3], "bytes")
  },
  RankCheck("textOfUnknownLengthArrivesWhole") { world, findings in
    for text in ["", "a red circle", "ein großer Würfel 🟥"] {
      let received = try world.broadcast(world.rank == 0 ? text : nil)
      findings.expect(received, equals: text, "text")
    }
  },
]
