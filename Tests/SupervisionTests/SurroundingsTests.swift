import ClusterConfiguration
import Foundation
import Testing

@testable import Supervision

/// What a launcher makes of the machine that it runs on, and of its settings.
@Suite struct SurroundingsTests {
  private static let ssh = "ssh -o BatchMode=yes -o ConnectTimeout=5"
  private static let agents: [(String, String?)] = [
    ("", ssh), ("::", ssh), (" ", ssh), ("ssh", ssh), ("/no/such:rsh -x:ssh", "rsh -x"),
    ("none : ssh", ssh), ("/no/such", nil),
  ]

  @Test(arguments: agents)
  func theFirstAgentThatIsThereIsTaken(_ stated: String, _ expected: String?) throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
      .path(percentEncoded: false)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    for name in ["ssh", "rsh"] {
      try Data().write(to: URL(filePath: "\(folder)/\(name)"))
      try FileManager.default.setAttributes(
        [.posixPermissions: 0o755], ofItemAtPath: "\(folder)/\(name)")
    }
    let probe = HostProbe(
      RunConfiguration().cluster, environment: ["PATH": folder, "OMPI_MCA_plm_rsh_agent": stated])
    #expect(probe?.agent.joined(separator: " ") == expected.map { "\(folder)/\($0)" })
  }

  @Test func thisMachineIsKnownByAllItsNames() throws {
    var names = ["localhost", "127.0.0.1", "127.0.1.1"]
    names += IPv4Address.ofThisMachine().map(\.description)
    // A name that only the resolver knows.
    #expect(IPv4Address.addresses(of: "localhost").contains(.loopback))
    for name in names { #expect(HostProbe.isThisMachine(name), "\(name)") }
    #expect(!HostProbe.isThisMachine("192.0.2.1"))
    #expect(!HostProbe.isThisMachine("no-such-host.invalid"))
  }

  @Test func tooFewDescriptorsForTheRanksAreRefused() throws {
    try DescriptorLimit.check(132, rankCount: 100)
    let error = #expect(throws: SupervisionError.self) {
      try DescriptorLimit.check(131, rankCount: 100)
    }
    #expect(
      error?.description
        == "ulimit -n: expected at least 132, for a connection to each rank, found 131: raise it "
        + "with ulimit -n 132, or launch fewer ranks")
  }

  @Test func aReaderThatReadsNoMoreHoldsNobodyUp() throws {
    let pipe = Pipe()
    let text = String(repeating: "x", count: 200_000)
    writeIfReady(text, to: pipe.fileHandleForWriting.fileDescriptor)
    try pipe.fileHandleForWriting.close()
    let count = try #require(try pipe.fileHandleForReading.readToEnd()).count
    #expect(count >= 4096 && count < text.count)
  }
}
