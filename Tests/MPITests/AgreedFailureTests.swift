import Testing

@testable import MPI

struct AgreedFailureTests {
  struct TextCase: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let causes: [(rank: Int, message: String)]
    var machines: [Int: String] = [:]
    let rankCount: Int
    let text: String
  }

  @Test(arguments: [
    TextCase(
      testDescription: "all say the same", causes: [(0, "no such file"), (1, "no such file")],
      rankCount: 2, text: "no such file"),
    TextCase(
      testDescription: "one of several", causes: [(2, "disk full")], rankCount: 4,
      text: "rank 2: disk full"),
    TextCase(
      testDescription: "some say the same",
      causes: [(0, "disk full"), (1, "no such file"), (3, "disk full")], rankCount: 4,
      text: "ranks 0, 3: disk full\nrank 1: no such file"),
    TextCase(
      testDescription: "ranks of several machines",
      causes: [(0, "disk full"), (1, "no such file"), (3, "disk full")],
      machines: [0: "node1", 1: "node1", 3: "node2"], rankCount: 4,
      text: "ranks 0 on node1, 3 on node2: disk full\nrank 1 on node1: no such file"),
    TextCase(
      testDescription: "the only rank", causes: [(0, "disk full")], rankCount: 1,
      text: "disk full"),
  ])
  func eachMessageStandsOnceWithItsRanks(_ textCase: TextCase) {
    let causes = textCase.causes.map {
      AgreedFailure.Cause(
        rank: $0.rank, machine: textCase.machines[$0.rank], message: $0.message, exitStatus: nil)
    }
    let failure = AgreedFailure(causes: causes, rankCount: textCase.rankCount)
    #expect(failure.description == textCase.text)
  }
}
