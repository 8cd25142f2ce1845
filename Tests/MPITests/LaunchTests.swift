import Foundation
import Testing

/// Runs of MPIRankTests under `mpirun` that fail: how they end.
@Suite(.serialized, .enabled(if: Launcher.isInstalled, "mpirun is not installed"))
struct LaunchTests {
  struct EndingCase: Sendable, CustomTestStringConvertible {
    let scenario: String
    let rankCount: Int
    let exitCode: Int32
    let message: String
    var testDescription: String { "\(scenario) on \(rankCount)" }
  }

  @Test(arguments: [
    EndingCase(
      scenario: "last-rank-throws", rankCount: 3, exitCode: 1,
      message: "failed, aborting all ranks: the last rank broke"),
    EndingCase(
      scenario: "last-rank-throws", rankCount: 1, exitCode: 1, message: "the last rank broke"),
    EndingCase(
      scenario: "last-rank-reads-bad-input", rankCount: 3, exitCode: 2,
      message: "error: rank 2: prompts.txt is empty"),
    EndingCase(
      scenario: "all-ranks-read-bad-input", rankCount: 3, exitCode: 2,
      message: "error: unknown key 'beto'"),
    EndingCase(
      scenario: "a-part-agrees", rankCount: 3, exitCode: 1,
      message: "failed, aborting all ranks: only this part knows"),
  ])
  func aFailingRunEndsByItselfAndSaysWhyOnce(_ ending: EndingCase) throws {
    let end = try Launcher.run(rankCount: ending.rankCount, scenario: ending.scenario)
    #expect(end.exitCode == ending.exitCode, "\(end.output)")
    #expect(end.output.components(separatedBy: ending.message).count == 2, "\(end.output)")
  }
}
