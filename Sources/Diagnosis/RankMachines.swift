import Foundation
import MPI

/// Which rank is on which machine; the same on all ranks.
struct RankMachines {
  /// The machines' names, in the order of their first ranks.
  let names: [String]
  /// The machine of each rank, an index of ``names``.
  private let machines: [Int]

  /// Asks all ranks. Collective.
  init(_ communicator: Communicator) throws {
    let machine = try communicator.splitByMachine()
    let first = try machine.broadcast(Int64(communicator.rank))
    try machine.free()
    let firsts = try communicator.allGather(first)
    let allNames = try communicator.allGatherV(Array(hostName().utf8))
      .map { String(decoding: $0, as: UTF8.self) }
    let leaders = Set(firsts).sorted()
    names = leaders.map { allNames[Int($0)] }
    machines = firsts.map { first in leaders.firstIndex(of: first) ?? 0 }
  }

  func name(of rank: Int) -> String { names[machines[rank]] }

  /// The first ranks of each machine and the next, around.
  var links: [(Int, Int)] {
    let firsts = names.indices.compactMap { machines.firstIndex(of: $0) }
    switch firsts.count {
    case ...1: return []
    case 2: return [(firsts[0], firsts[1])]
    default: return zip(firsts, firsts[1...] + firsts[...0]).map { ($0, $1) }
    }
  }

  /// The first two ranks that share a machine.
  var localPair: (Int, Int)? {
    for (rank, machine) in machines.enumerated() {
      if let other = machines[(rank + 1)...].firstIndex(of: machine) { return (rank, other) }
    }
    return nil
  }
}

/// This machine's name.
func hostName() -> String {
  var name = [CChar](repeating: 0, count: 256)
  // The last stays 0, however long the name is.
  guard gethostname(&name, name.count - 1) == 0 else { return "this machine" }
  return String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
}
