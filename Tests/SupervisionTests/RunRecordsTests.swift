import ClusterConfiguration
import Foundation
import Processes
import TestSupport
import Testing

@testable import Supervision

/// What a launcher does beside the ranks: its files, its children, its probes.
@Suite struct RunRecordsTests {
  /// A folder that is not there yet, taken away at the end.
  private func withFolder(_ body: (String) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    defer { try? FileManager.default.removeItem(at: folder) }
    try body(folder.appending(path: "a/run").path(percentEncoded: false))
  }

  @Test func aRunFolderHasOneLauncherAtATime() throws {
    try withFolder { folder in
      var first: RunRecords? = try RunRecords(folder: folder)
      #expect(try first?.newestCheckpoint() == nil)
      let error = #expect(throws: SupervisionError.self) { try RunRecords(folder: folder) }
      #expect(
        error?.description == "\(folder): expected a run folder without a launcher, "
          + "found another one at work: wait for its end, or choose another run.output")
      first = nil
      _ = try RunRecords(folder: folder)
    }
  }

  @Test func onlyACommittedStepCounts() throws {
    try withFolder { folder in
      let records = try RunRecords(folder: folder)
      for (name, isCommitted) in [
        ("step-00000002", true), ("step-00000010", true), ("step-00000012", false),
        (".tmp-step-14", true), ("step-x", true),
        ("step-00000010.2", true), ("step-00000010.1", true), ("step-00000010.3", false),
      ] {
        let path = "\(folder)/checkpoints/\(name)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        if isCommitted { try Data("of \(name)".utf8).write(to: URL(filePath: "\(path)/COMMIT")) }
      }
      #expect(
        try records.newestCheckpoint()
          == CommittedCheckpoint(step: 10, revision: 2, commit: "of step-00000010.2"))
    }
  }

  @Test func checkpointsThatCannotBeListedAreNotTakenForNone() throws {
    try withFolder { folder in
      let records = try RunRecords(folder: folder)
      try Data().write(to: URL(filePath: "\(folder)/checkpoints"))
      #expect(throws: SupervisionError.self) { try records.newestCheckpoint() }
    }
  }

  @Test func eachStartIsALine() throws {
    try withFolder { folder in
      let records = try RunRecords(folder: folder)
      for status: Int32 in [137, 0] {
        try records.add(
          .init(
            start: Date(timeIntervalSince1970: 0), seconds: 1, command: ["/m p", "-np"],
            status: status, reason: nil, blamedHosts: ["h2"], step: 3, committedStep: nil))
      }
      let text = try String(contentsOfFile: "\(folder)/launch.jsonl", encoding: .utf8)
      let line =
        #"{"blamedHosts":["h2"],"command":["/m p","-np"],"seconds":1,"#
        + #""start":"1970-01-01T00:00:00Z","status":137,"step":3}"#
      #expect(text == line + "\n" + line.replacing("137", with: "0") + "\n")
    }
  }

  @Test func aPlaceThatCannotBeWrittenToIsNamed() {
    #expect(throws: SupervisionError.self) { try RunRecords(folder: "/proc/run") }
  }

  private func end(_ words: [String], environment: [String] = []) throws -> ProcessEnd {
    let child = try ChildProcess(words, environment: environment)
    return try #require(end(of: child))
  }

  /// The end of a child that is to come soon; `nil` where it does not, and the child is killed.
  private func end(of child: ChildProcess) -> ProcessEnd? {
    for _ in 0..<3000 {
      if let end = child.end() { return end }
      usleep(10_000)
    }
    child.kill()
    return nil
  }

  @Test func aChildEndsWithItsStatusOrItsSignal() throws {
    #expect(try end(["/bin/sh", "-c", "exit 85"]) == .exited(85))
    #expect(try end(["/bin/sh", "-c", "kill -9 $$"]) == .killed(bySignal: 9))
    #expect(throws: SupervisionError.self) { try end(["/no/such/program"]) }
  }

  @Test func aChildHasAGroupOfItsOwnAndReadsNothing() throws {
    #expect(
      try end(["/bin/sh", "-c", "read x; [ $? = 1 ] && [ $(ps -o pgid= -p $$) = $$ ]"]).status == 0)
  }

  @Test func whatAnEnvironmentTellsIsEnded() throws {
    let mark = "MARK=\(UUID().uuidString)"
    let child = try ChildProcess(["/bin/sleep", "60"], environment: [mark])
    let other = try ChildProcess(["/bin/sleep", "60"], environment: ["MARK=other"])
    // Its environment is there once the program is.
    usleep(100_000)
    ChildProcess.killAll(withEnvironment: mark)
    #expect(end(of: child) != nil)
    #expect(other.end() == nil)
    other.kill()
  }

  @Test func hostsThatDoNotAnswerAreFound() throws {
    try withFolder { folder in
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      let agent = "\(folder)/agent"
      try Subprocess.writeScript("[ $1 = good ]", to: agent)
      var cluster = RunConfiguration().cluster
      cluster.mca = [.init(name: "plm_rsh_agent", value: agent)]
      let environment = ["PATH": "/usr/bin:/bin"]
      let probe = try #require(HostProbe(cluster, environment: environment))
      #expect(probe.unreachable(among: ["bad", "good", "localhost", "worse"]) == ["bad", "worse"])
      // There mpirun asks the scheduler's daemons.
      #expect(HostProbe(cluster, environment: ["SLURM_JOB_ID": "1"]) == nil)
      cluster.mca[0].value = "/no/such/agent"
      #expect(HostProbe(cluster, environment: environment) == nil)
    }
  }
}
