import Testing

@testable import Supervision

@Suite struct RankReportTests {
  private let now = SuspendingClock.now

  /// A rank's last sign of life, some seconds ago.
  private func sighting(
    _ rank: Int, _ operation: String, seconds: Double = 0, ago: Double = 0,
    _ condition: Beat.Condition = .alive, closedAgo: Double? = nil, host: String = "node"
  ) -> (Int, Sighting) {
    let beat = Beat(
      token: "t", rank: rank, host: host, process: 1, step: 12, operation: operation,
      seconds: seconds, condition: condition)
    return (
      rank,
      Sighting(
        beat: beat, receivedAt: now - .seconds(ago), closedAt: closedAgo.map { now - .seconds($0) })
    )
  }

  private func report(_ sightings: [(Int, Sighting)], hosts: [String?]) -> RankReport {
    RankReport(
      sightings: Dictionary(uniqueKeysWithValues: sightings), hosts: hosts, now: now)
  }

  @Test func whoIsStuckIsToldFromWhoWaits() {
    let report = report(
      [
        sighting(0, "waiting for the other ranks", seconds: 29, ago: 1),
        sighting(1, "scoring", seconds: 30.5, ago: 0.6),
        sighting(2, "waiting for the other ranks", seconds: 28, ago: 1),
      ], hosts: ["h1", "h2", "h1"])
    #expect(
      report.text == "rank 1 (h2): scoring, step 12, for 31 s; "
        + "ranks 0, 2 (h1): waiting for the other ranks, step 12, for 30 s")
  }

  @Test func silentAndMissingRanksAreNamed() {
    let report = report(
      [
        sighting(0, "averaging gradients", seconds: 20, ago: 0.5),
        sighting(1, "sampling", seconds: 0.1, ago: 21),
      ], hosts: [nil, nil, nil])
    #expect(
      report.text == "rank 1 (node): silent for 21 s, last sampling, step 12; "
        + "rank 0 (node): averaging gradients, step 12, for 20 s; "
        + "rank 2 (this machine): never heard of")
    #expect(report.silent(forLongerThan: 20) == [1])
    #expect(report.silent(forLongerThan: 22).isEmpty)
    #expect(report.missing == [2])
  }

  @Test func aRankThatSaidGoodByeIsNeverSilent() {
    let report = report([sighting(0, "starting", ago: 100, .finished)], hosts: [nil])
    #expect(report.silent(forLongerThan: 20).isEmpty)
    #expect(report.areAllFinished)
    #expect(report.culprits.isEmpty)
  }

  @Test func theFirstToGoIsToBlame() {
    let killed = report(
      [
        sighting(0, "a", ago: 1, closedAgo: 1), sighting(1, "a", ago: 3, closedAgo: 2.5),
        sighting(2, "a", ago: 1.2, closedAgo: 1.01),
      ], hosts: ["h1", "h2", "h3"])
    #expect(killed.culprits == [1])
    let cutOff = report(
      [
        sighting(0, "a", ago: 0.5, closedAgo: 0.1), sighting(1, "a", ago: 9),
        sighting(2, "a", ago: 9.1),
      ], hosts: ["h1", "h2", "h2"])
    #expect(cutOff.culprits == [1, 2])
  }

  @Test func ofStalledRanksTheOneThatBeganFirstIsToBlame() {
    let report = report(
      [
        sighting(0, "waiting for the other ranks", seconds: 600.1, ago: 1, .stalled),
        sighting(1, "scoring", seconds: 600.1, ago: 2, .stalled),
      ], hosts: ["h1", "h2"])
    #expect(report.culprits == [1])
  }

  @Test func aStalledRankIsToBlameBeforeOneThatIsGone() {
    let report = report(
      [sighting(0, "a", ago: 1, closedAgo: 2), sighting(1, "a", ago: 1, .stalled)],
      hosts: ["h1", "h2"])
    #expect(report.culprits == [1])
  }

  @Test func whereAllWentTogetherNobodyIsToBlame() {
    let report = report(
      [sighting(0, "a", closedAgo: 0.1), sighting(1, "a", closedAgo: 0.12)], hosts: ["h1", "h2"])
    #expect(report.culprits.isEmpty)
  }

  @Test(arguments: [(0.9, [1, 2]), (1.1, [1, 2]), (1.5, [1])])
  func ranksWhoseConnectionsStandMayHaveGoneTogether(_ apart: Double, _ culprits: [Int]) {
    let report = report(
      [
        sighting(0, "a", ago: 0.5, closedAgo: 0.1), sighting(1, "a", ago: 9),
        sighting(2, "a", ago: 9 - apart),
      ], hosts: ["h1", "h2", "h3"])
    #expect(report.culprits == culprits)
  }
}
