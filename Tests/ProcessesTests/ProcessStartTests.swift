import Foundation
import Testing

@testable import Processes

struct ProcessStartTests {
  private func end(_ start: ProcessStart) throws -> ProcessEnd {
    let id = try start.run()
    var status: CInt = 0
    #expect(waitpid(id, &status, 0) == id)
    return ProcessEnd(raw: status)
  }

  @Test func aProgramEndsWithItsStatusOrItsSignal() throws {
    #expect(try end(ProcessStart(["/bin/sh", "-c", "exit 85"], environment: [])) == .exited(85))
    let killed = try end(ProcessStart(["/bin/sh", "-c", "kill -9 $$"], environment: []))
    #expect(killed == .killed(bySignal: 9) && killed.status == 137)
    #expect(throws: ProcessStartFailure(code: ENOENT)) {
      try end(ProcessStart(["/no/such/program"], environment: []))
    }
  }

  @Test(arguments: [true, false])
  func itHasTheGroupThatItIsAskedToHave(leadsGroup: Bool) throws {
    var start = ProcessStart(
      ["/bin/sh", "-c", "[ $(ps -o pgid= -p $$) = $$ ]"], environment: ["PATH=/usr/bin:/bin"])
    start.leadsGroup = leadsGroup
    #expect(try end(start) == .exited(leadsGroup ? 0 : 1))
  }

  @Test func itHasItsStreamsAndNoOtherDescriptor() throws {
    var ends: [CInt] = [0, 0]
    try #require(pipe(&ends) == 0)
    var start = ProcessStart(
      ["/bin/sh", "-c", "cat; ls /proc/$$/fd"], environment: ["PATH=/usr/bin:/bin"])
    start.streams = [nil, ends[1], nil]
    start.closedBelow = 300
    #expect(try end(start) == .exited(0))
    close(ends[1])
    let output = FileHandle(fileDescriptor: ends[0], closeOnDealloc: true).availableData
    #expect(String(decoding: output, as: UTF8.self) == "0\n1\n2\n")
  }

  @Test func aPathIsThatOfAFileThatCanBeRun() {
    #expect(ProcessStart.path(of: "sh", in: "/no/such:/bin") == "/bin/sh")
    #expect(ProcessStart.path(of: "/bin/sh", in: "") == "/bin/sh")
    #expect(ProcessStart.path(of: "sh", in: "/no/such") == nil)
    #expect(ProcessStart.path(of: "/etc/passwd", in: "") == nil)
    #expect(ProcessStart.path(of: "/", in: "") == nil)
    #expect(ProcessStart.path(of: "", in: "/bin") == nil)
  }
}
