import ClusterConfiguration
import Foundation
import TestSupport
import Testing

@testable import Supervision

/// Whole launches, of a program in mpirun's place that never starts a rank.
@Suite struct SupervisorTests {
  private final class Outcome: @unchecked Sendable {
    var result: Result<Int32, any Error>?
  }

  /// Runs a launcher to its end on a thread of its own, for it takes that thread's signals, in a run
  /// folder with a checkpoint of step 20.
  ///
  /// - Parameters:
  ///   - script: What stands for mpirun; its arguments stand in `words` of the run folder.
  ///   - signal: One that has come when the ranks are started.
  /// - Returns: Its exit status, and the words of each start.
  private func launch(
    _ script: String, signal: CInt? = nil, arguments: [String] = [],
    _ change: (inout RunConfiguration.Cluster) -> Void = { _ in }
  ) throws -> (status: Int32, starts: [String]) {
    let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    defer { try? FileManager.default.removeItem(at: folder) }
    let path = folder.path(percentEncoded: false)
    try FileManager.default.createDirectory(
      atPath: "\(path)/checkpoints/step-20", withIntermediateDirectories: true)
    try Data().write(to: URL(filePath: "\(path)/checkpoints/step-20/COMMIT"))
    let mpirun = "\(path)/mpirun"
    try Subprocess.writeScript("cd '\(path)'\necho \"$*\" >> words\n\(script)", to: mpirun)
    var cluster = RunConfiguration().cluster
    cluster.restartDelay = 0
    change(&cluster)
    let program = LaunchCommand.Program(
      mpirun: mpirun, prdp: "/prdp", configuration: "/c", overrides: [], arguments: arguments,
      workingFolder: "/")
    let (outcome, end) = (Outcome(), DispatchSemaphore(value: 0))
    let thread = Thread { [cluster] in
      outcome.result = Result {
        let supervisor = try Supervisor(
          program, on: cluster, folder: path, environment: ["PATH": "/usr/bin:/bin"])
        // Of this thread, where it waits to be taken.
        if let signal { raise(signal) }
        return try supervisor.run()
      }
      end.signal()
    }
    thread.start()
    try #require(end.wait(timeout: .now() + 60) == .success, "it does not end")
    let words = (try? String(contentsOfFile: "\(path)/words", encoding: .utf8)) ?? ""
    return (try #require(outcome.result).get(), words.split(separator: "\n").map(String.init))
  }

  @Test(arguments: [SIGUSR1, SIGTERM, SIGINT])
  func aStopBeforeAllRanksAreThereLosesNothing(_ signal: CInt) throws {
    #expect(try launch("exec sleep 30", signal: signal).status == 85)
  }

  @Test func theTimeLimitStopsARunThatDoesNot() throws {
    let (status, starts) = try launch("exec sleep 30") { $0.timeLimit = 1 }
    #expect(status == 85)
    #expect(starts.count == 1)
  }

  @Test func aRestartThatWouldBeginAfterTheTimeLimitIsNone() throws {
    let (status, starts) = try launch("exit 1") { ($0.timeLimit, $0.restartDelay) = (20, 30) }
    #expect(status == 85)
    #expect(starts.count == 1)
  }

  @Test func whatCannotBeStartedAgainIsAFailureLikeOthers() throws {
    let (status, starts) = try launch("rm mpirun; exit 9") { $0.restarts = 1 }
    #expect(status == 1)
    #expect(starts.count == 1)
  }

  @Test func whatCannotBeStartedAtAllIsRefused() throws {
    #expect(throws: SupervisionError.self) {
      try launch("exit 1") {
        $0.network = "no-such-interface"; $0.hosts = [.init(name: "localhost")]
      }
    }
  }

  @Test func aStopThatComesAsTheRanksEndIsKept() throws {
    let program = LaunchCommand.Program(
      mpirun: "/bin/false", prdp: "/prdp", configuration: "/c", overrides: [], arguments: [],
      workingFolder: "/")
    let (outcome, end) = (Outcome(), DispatchSemaphore(value: 0))
    // Of a thread of its own, which the signals are for.
    Thread.detachNewThread {
      outcome.result = Result {
        let cluster = RunConfiguration().cluster
        var signals = StopSignals()
        var attempt = try Attempt(
          LaunchCommand(program, on: cluster, excluding: [], coreCount: 1, exporting: []),
          on: cluster, environment: [:], monitor: HeartbeatMonitor(rankCount: 1, isLocal: true),
          say: { _ in })
        // Both the end and the signal are there before either is looked at.
        usleep(500_000)
        raise(SIGUSR1)
        return attempt.run(&signals).wasToldToStop ? 1 : 0
      }
      end.signal()
    }
    try #require(end.wait(timeout: .now() + 60) == .success, "it does not end")
    #expect(try outcome.result?.get() == 1)
  }

  @Test func checkpointsThatCannotBeListedAreNotTakenForNone() throws {
    let script = "mv checkpoints aside; touch checkpoints; exit 1"
    let (status, starts) = try launch(script, arguments: ["--resume", "/old"]) { $0.restarts = 2 }
    #expect(status == 1)
    #expect(starts.count == 1)
  }

  @Test(arguments: [
    "mv checkpoints/step-20 checkpoints/step-10", "echo other > checkpoints/step-20/COMMIT",
  ])
  func aRunGoesBackUntilItHasSavedSomethingElse(_ save: String) throws {
    // The third start saves step 10 in the place of step 20, or step 20 once more.
    let script = """
      [ $(wc -l < words) = 3 ] && \(save)
      [ $(wc -l < words) = 4 ] && exit 0
      exit 1
      """
    let (status, starts) = try launch(script, arguments: ["--resume", "/old"]) {
      $0.restarts = 3
    }
    #expect(status == 0)
    #expect(starts.map { $0.hasSuffix("--resume /old") } == [true, true, true, false])
    #expect(starts.last?.hasSuffix("--resume latest") == true)
  }
}
