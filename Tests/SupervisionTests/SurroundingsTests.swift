import ClusterConfiguration
import Foundation
import Testing

@testable import Supervision

/// What a launcher makes of the machine that it runs on, and of its settings.
@Suite struct SurroundingsTests {
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
