import Foundation
import Processes
import Testing

@testable import Diagnosis

struct RemoteShellTests {
  @Test(arguments: [
    "a b", "it's", "$(touch canary)", "`touch canary`", "\"", "\\", "a\nb", "-n", "",
  ]) func theRemoteShellReadsWordsAsTheyAre(word: String) throws {
    // env is no shell: what it gets as the last word is what a remote sh -c gets.
    let environment = ["PATH": "/usr/bin:/bin", "OMPI_MCA_plm_rsh_agent": "sh -c"]
    let agent = RemoteShell(
      agent: try #require(RemoteAgent(stated: nil, environment: environment)))
    let words = agent.command(["printf", "%s", word], in: "/", on: "h1", connectSeconds: 1).words
    let end = try ChildProcess.run([ChildProcess(["sh", "-c", words[words.count - 1]])], limit: 20)
    #expect(end[0].output == word)
    #expect(end[0].errors.isEmpty)
  }
}

struct ChildProcessTests {
  @Test func programsRunBesideEachOther() throws {
    let start = ContinuousClock.now
    let ends = try ChildProcess.run(
      (0..<4).map { ChildProcess(["sh", "-c", "sleep 0.5; echo \($0); echo no >&2; exit \($0)"]) },
      limit: 20)
    #expect(ContinuousClock.now - start < .seconds(1.5))
    #expect(ends.map(\.status) == [0, 1, 2, 3])
    #expect(ends.map(\.output) == ["0\n", "1\n", "2\n", "3\n"])
    #expect(ends.map(\.complaint) == Array(repeating: "no", count: 4))
  }

  @Test func oneThatDoesNotEndIsEndedInTime() throws {
    let start = ContinuousClock.now
    let ends = try ChildProcess.run(
      [ChildProcess(["sleep", "60"]), ChildProcess(["echo", "done"])], limit: 0.5)
    #expect(ContinuousClock.now - start < .seconds(5))
    #expect(ends[0].status == nil)
    #expect(ends[1].output == "done\n")
  }

  @Test func muchOutputDoesNotStopAProgram() throws {
    let ends = try ChildProcess.run([ChildProcess(["seq", "200000"])], limit: 20)
    #expect(ends[0].status == 0)
  }
}

struct SharedMarkTests {
  @Test func aMarkIsSeenWholeAndTakenAway() throws {
    let folder = NSTemporaryDirectory() + "/prdp-mark-\(UUID().uuidString)/runs/a"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let mark = SharedMark(folder: folder, nonce: "n1")
    #expect(!mark.isSeen(of: "h1"))
    #expect(mark.secondsUntilSeen(of: "h1", limit: 0.1) == nil)
    try mark.leave(as: "h1")
    #expect(mark.isSeen(of: "h1"))
    #expect(!SharedMark(folder: folder, nonce: "n2").isSeen(of: "h1"))
    mark.remove(of: ["h1"])
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder).isEmpty)
  }

  @Test func aFolderThatCannotBeIsNamed() {
    let mark = SharedMark(folder: "/dev/null/runs", nonce: "n")
    #expect(throws: DiagnosisError.self) { try mark.leave(as: "h1") }
  }
}
