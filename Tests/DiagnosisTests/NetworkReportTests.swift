import Testing

@testable import Diagnosis

struct NetworkReportTests {
  private func report(_ pairs: [NetworkReport.Pair]) -> NetworkReport {
    NetworkReport(
      rankCount: 4, hosts: ["a", "b"], pairs: pairs,
      allReduce: [.init(byteCount: 1 << 20, seconds: 0.5)])
  }

  @Test func aPlanTakesTheSlowestLink() throws {
    let figures = try #require(
      report([
        .init(hosts: ["a", "b"], latency: 2e-5, bandwidth: 1e9),
        .init(hosts: ["b", "c"], latency: 5e-5, bandwidth: 4e8),
        .init(hosts: ["a", "a"], latency: 1e-6, bandwidth: 9e9),
      ]).figures)
    #expect(figures.bandwidth == 4e8)
    #expect(figures.latency == 5e-5)
    #expect(figures.localBandwidth == 9e9)
  }

  @Test func withinOneHostItsOwnExchangeStandsForTheNetwork() throws {
    let figures = try #require(
      report([.init(hosts: ["a", "a"], latency: 1e-6, bandwidth: 9e9)]).figures)
    #expect(figures.bandwidth == 9e9)
    #expect(figures.localBandwidth == 9e9)
  }
}
