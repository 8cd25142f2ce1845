import Foundation
import MPI
import RankChecks

/// Checks of MPI that need several ranks: `mpirun -np 3 MPIRankTests [scenario]`.
///
/// Without a scenario it checks every collective, prints `N passed, M failed` on rank 0 and exits 1
/// if any failed. A scenario shows how a run ends, and is checked from outside.
@main
enum MPIRankTests {
  static func main() {
    do {
      exit(try withMPI { try run(CommandLine.arguments.dropFirst().first, on: $0) })
    } catch is AgreedFailure {
      exit(2)
    } catch {
      FileHandle.standardError.write(Data("\(error)\n".utf8))
      exit(1)
    }
  }

  private static func run(_ scenario: String?, on world: Communicator) throws -> Int32 {
    let isLast = world.rank == world.size - 1
    switch scenario {
    case nil:
      let checks =
        communicatorChecks + reductionChecks + broadcastChecks + gatheringChecks
        + messageChecks + exchangeChecks + agreementChecks
      return try runChecks(checks, on: world) ? 0 : 1
    case "last-rank-throws":
      if isLast { throw Mishap(text: "the last rank broke") }
      try world.barrier()
    case "last-rank-reads-bad-input":
      try world.agreed { if isLast { throw Mishap(text: "prompts.txt is empty") } }
    case "all-ranks-read-bad-input":
      try world.agreed { throw Mishap(text: "unknown key 'beto'") }
    case "a-part-agrees":
      let part = try world.split(color: isLast ? 1 : 0)
      if isLast { try part.agreed { throw Mishap(text: "only this part knows") } }
      try world.barrier()
    case .some(let other):
      try world.agreed { throw Mishap(text: "there is no scenario '\(other)'") }
    }
    return 0
  }
}

/// An error of a scenario.
private struct Mishap: Error, CustomStringConvertible {
  let text: String
  var description: String { text }
}
