import MPI
import RankChecks

let agreementChecks = [
  RankCheck("ranksThatAllSucceedAgreeOnNoFailure") { world, findings in
    findings.expect(try world.agree(onFailure: nil), equals: nil, "verdict")
    findings.expect(try world.agreed { world.rank }, equals: world.rank, "value")
  },
  RankCheck("everyRankLearnsOfTheFailureOfOne") { world, findings in
    for failing in 0..<world.size {
      let verdict = try world.agree(onFailure: world.rank == failing ? "disk full" : nil)
      findings.expect(verdict?.causes.map(\.rank), equals: [failing], "ranks")
      findings.expect(verdict?.causes.map(\.message), equals: ["disk full"], "messages")
      findings.expect(verdict?.rankCount, equals: world.size, "rank count")
    }
  },
  RankCheck("aFailureWithoutWordsIsAFailure") { world, findings in
    let verdict = try world.agree(onFailure: "")
    findings.expect(verdict?.causes.map(\.rank), equals: Array(0..<world.size), "ranks")
  },
  RankCheck("anErrorOnOneRankIsThrownOnAll") { world, findings in
    var caught: AgreedFailure?
    do {
      try world.agreed { if world.rank == world.size - 1 { throw MPIError.finalised } }
    } catch let failure as AgreedFailure {
      caught = failure
    }
    findings.expect(
      caught?.causes.map(\.message), equals: [MPIError.finalised.description], "messages")
  },
]
