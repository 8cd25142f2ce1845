import Testing

@testable import Diagnosis

struct HostJudgementTests {
  private static let good = HostReport(
    hostName: "h1", clock: 1000, programSHA256: "aa", libtorch: "bb", coreCount: 8,
    deviceCount: 2, availableMemory: 4_000_000_000, freeDisk: 9_000_000, writeSeconds: 0.01,
    writeFailure: nil)

  private static let host = ExaminedHost(name: "h1", slots: 4)

  private func judgement(usesCUDA: Bool = false) -> HostJudgement {
    HostJudgement(
      needs: RunNeeds(memoryPerRank: 1_000_000_000, disk: 9_000_000, usesCUDA: usesCUDA),
      reference: Self.good)
  }

  private static func end(seconds: Double = 1) -> ChildProcess.End {
    ChildProcess.End(status: 0, output: "", errors: "", start: 1000, seconds: seconds)
  }

  @Test func aHostThatHasEverythingIsWell() {
    let findings =
      judgement().findings(Self.good, of: Self.host)
      + judgement().comparison(Self.good, of: Self.host, Self.end())
    #expect(findings.map(\.grade) == Array(repeating: .ok, count: findings.count))
    #expect(
      findings.map(\.subject) == [
        "devices", "memory", "folder", "disk", "prdp", "libtorch", "clock",
      ])
  }

  /// A lack, what it does to the report, and the line that says so.
  struct Lack: Sendable, CustomTestStringConvertible {
    let subject: String
    let change: @Sendable (inout HostReport) -> Void
    let line: String
    var testDescription: String { line }
  }

  static let lacks = [
    Lack(
      subject: "devices", change: { $0.coreCount = 3 },
      line: "warn  h1  devices    3 cores for 4 ranks: ranks will share; lower its slots"),
    Lack(
      subject: "memory", change: { $0.availableMemory = 3_999_999_999 },
      line: "fail  h1  memory     4.00 GB available, 4.00 GB needed: give it fewer slots; prdp "
        + "plan says what takes the memory"),
    Lack(
      subject: "disk", change: { $0.freeDisk = 8_000_000 },
      line: "fail  h1  disk       8.00 MB free, 9.00 MB needed: free some, lower checkpoint.keep, "
        + "or set run.output to another disk"),
    Lack(
      subject: "folder", change: { $0.writeFailure = "/runs: expected a folder, found 'a file'" },
      line: "fail  h1  folder     /runs: expected a folder, found 'a file': set run.output to a "
        + "folder that every host has"),
    Lack(
      subject: "folder", change: { $0.writeSeconds = 2 },
      line: "warn  h1  folder     writes, syncs and renames in 2.00 s: checkpoints will take long "
        + "here"),
    Lack(
      subject: "prdp", change: { $0.programSHA256 = "cc" },
      line: "fail  h1  prdp       another than here: cc: give all hosts the same build, best on a "
        + "shared file system"),
    Lack(
      subject: "libtorch", change: { $0.libtorch = "" },
      line: "fail  h1  libtorch   none loaded: give all hosts the same .libtorch, best on a shared "
        + "file system"),
    Lack(
      subject: "clock", change: { $0.clock = 990 },
      line: "fail  h1  clock      10.0 s behind, or more: let an NTP service set it"),
  ]

  @Test(arguments: lacks) func aLackIsALineWithAdvice(lack: Lack) throws {
    var report = Self.good
    lack.change(&report)
    let findings =
      judgement().findings(report, of: Self.host)
      + judgement().comparison(report, of: Self.host, Self.end())
    let bad = findings.filter { $0.grade != .ok }
    #expect(bad.map { $0.line(hostWidth: 2) } == [lack.line])
    #expect(bad.first?.subject == lack.subject)
  }

  @Test func gpusAreCountedWhereTheRunUsesThem() {
    let finding = judgement(usesCUDA: true).findings(Self.good, of: Self.host)[0]
    #expect(finding.grade == .warn)
    #expect(finding.found == "2 GPUs for 4 ranks")
    var without = Self.good
    without.deviceCount = 0
    #expect(judgement(usesCUDA: true).findings(without, of: Self.host)[0].grade == .fail)
  }

  // A command from 1000 to 1001 by our clock.
  @Test(arguments: [
    (clock: 1000.5, difference: 0.0), (clock: 998, difference: -2), (clock: 1004, difference: 3),
  ]) func aClockMayBeAnywhereWithinTheCommand(clock: Double, difference: Double) {
    #expect(HostJudgement.clockDifference(clock, Self.end()) == difference)
  }

  @Test func aSlowLinkIsNamed() {
    let report = NetworkReport(
      rankCount: 3, hosts: ["a", "b", "c"],
      pairs: [
        .init(hosts: ["a", "b"], latency: 1e-5, bandwidth: 1e9),
        .init(hosts: ["b", "c"], latency: 1e-5, bandwidth: 4e8),
        .init(hosts: ["c", "a"], latency: 2e-4, bandwidth: 9e8),
      ], allReduce: [.init(byteCount: 1 << 24, seconds: 0.5)])
    let findings = NetworkJudgement.findings(report)
    #expect(findings.map(\.grade) == [.ok, .warn, .warn, .ok])
    #expect(findings[1].found.hasPrefix("b - c: 400 MB/s each way"))
    #expect(findings[2].found.hasPrefix("c - a: 900 MB/s each way, latency 200 us"))
  }
}
