import ClusterConfiguration
import Foundation

/// Starts the ranks of a run, watches them, and starts them again from the newest checkpoint where
/// something failed that is not the run's own fault.
public final class Supervisor {
  private let program: LaunchCommand.Program
  private let cluster: RunConfiguration.Cluster
  private let environment: [String: String]
  private let records: RunRecords
  private var signals: StopSignals
  private var policy: RestartPolicy
  private var excluded: Set<String> = []
  private let start = ContinuousClock.now
  private var hasStarted = false
  /// Since when hosts are not reached, without a start in between.
  private var lostSince: ContinuousClock.Instant?
  /// The newest checkpoint before the first start.
  private let firstCheckpoint: CommittedCheckpoint?
  /// The newest one when that could last be told.
  private var checkpoint: CommittedCheckpoint?
  /// The hosts that are reached over the network.
  private let remoteHosts: Set<String>

  /// A supervisor; from now on signals to stop wait for ``run()``.
  ///
  /// - Parameters:
  ///   - folder: The run folder.
  /// - Throws: ``SupervisionError`` where the run folder cannot be used, or another has it, or there
  ///   are more ranks than this process may have connections.
  public init(
    _ program: LaunchCommand.Program, on cluster: RunConfiguration.Cluster, folder: String,
    environment: [String: String]
  ) throws(SupervisionError) {
    self.program = program
    self.cluster = cluster
    self.environment = environment
    remoteHosts = Set(cluster.hosts.map(\.name).filter { !HostProbe.isThisMachine($0) })
    try DescriptorLimit.check(DescriptorLimit.raise(), rankCount: cluster.rankCount)
    signals = StopSignals()
    records = try RunRecords(folder: folder)
    firstCheckpoint = try records.newestCheckpoint()
    checkpoint = firstCheckpoint
    policy = RestartPolicy(
      restarts: cluster.restarts, delay: cluster.restartDelay, hosts: cluster.hosts.map(\.name),
      leavesHostsOut: cluster.fewerRanks, stopsAreAsked: cluster.timeLimit != nil,
      checkpoint: firstCheckpoint)
  }

  /// Runs to the end.
  ///
  /// - Returns: The exit status.
  /// - Throws: ``SupervisionError`` where nothing can be started.
  public func run() throws(SupervisionError) -> Int32 {
    while true {
      let ending = try runOnce()
      switch policy.decide(after: ending) {
      case .end(let status, let explanation):
        if let explanation { say(explanation) }
        return status
      case .restart(let seconds, let hosts):
        let newlyOut = hosts.subtracting(excluded).sorted()
        excluded = hosts
        if !newlyOut.isEmpty {
          say(
            "left out from now on, after two failures without a new checkpoint in between: "
              + newlyOut.joined(separator: ", "))
        }
        if let secondsLeft, Double(seconds) >= secondsLeft {
          say("the time of cluster.timeLimit is over before the restart in \(seconds) s")
          return RestartPolicy.Status.preempted
        }
        say(
          "restart in \(seconds) s, "
            + (ending.checkpoint.map { "from step \($0.step)" } ?? "from the beginning"))
        guard wait(seconds: seconds) else {
          say("stopped while nothing was running")
          return RestartPolicy.Status.preempted
        }
      }
    }
  }

  /// Waits; `false` when told to stop.
  private func wait(seconds: Int) -> Bool {
    let end = ContinuousClock.now + .seconds(seconds)
    while .now < end {
      if signals.next(withinMilliseconds: 200) != nil { return false }
    }
    return true
  }

  private func runOnce() throws(SupervisionError) -> RestartPolicy.Ending {
    let start = Date()
    var command: LaunchCommand?
    var ending: RestartPolicy.Ending
    do throws(SupervisionError) {
      if let lost = try endingForLostHosts() {
        ending = lost
      } else {
        ending = try endingOfStart(&command)
      }
    } catch {
      // What could be started once may well be started again.
      guard hasStarted else { throw error }
      say("\(error)")
      ending = .init(status: RestartPolicy.Status.failed)
      ending.reason = "\(error)"
    }
    ending.excuseHosts(ofNetwork: remoteHosts.subtracting(excluded))
    do throws(SupervisionError) {
      checkpoint = try records.newestCheckpoint()
    } catch {
      say("warning: \(error)")
    }
    ending.checkpoint = checkpoint
    record(ending, command, start: start)
    return ending
  }

  private func endingOfStart(
    _ command: inout LaunchCommand?
  ) throws(SupervisionError) -> RestartPolicy.Ending {
    let next = try LaunchCommand(
      programNow(), on: cluster, excluding: excluded,
      coreCount: ProcessInfo.processInfo.activeProcessorCount,
      exporting: [LauncherAddress.variable])
    command = next
    let monitor = try HeartbeatMonitor(
      rankCount: next.hosts.count, network: cluster.network, isLocal: cluster.hosts.isEmpty)
    if !hasStarted { say(next.shellText) }
    var attempt: Attempt
    do throws(SupervisionError) {
      attempt = try Attempt(
        next, on: cluster, environment: environment, monitor: monitor, until: end, say: say)
    } catch {
      monitor.stop()
      throw error
    }
    hasStarted = true
    lostSince = nil
    return attempt.run(&signals)
  }

  /// Refuses the first start where a host cannot be reached; later it is one more failure of that
  /// host.
  private func endingForLostHosts() throws(SupervisionError) -> RestartPolicy.Ending? {
    let hosts = cluster.hosts.map(\.name).filter { !excluded.contains($0) }
    let probe = HostProbe(cluster, environment: environment)
    guard let lost = probe?.unreachable(among: hosts), !lost.isEmpty else { return nil }
    let names = lost.joined(separator: ", ")
    guard hasStarted else {
      throw SupervisionError(
        "cluster.hosts", expected: "hosts that ssh reaches without a password",
        found: "no way to \(names)",
        advice: "try ssh \(lost[0]) true, or leave the host out", exitStatus: Self.lostStatus)
    }
    say("no way to \(names)")
    let since = lostSince ?? .now
    lostSince = since
    var ending = RestartPolicy.Ending(status: Self.lostStatus)
    ending.reason = "no way to \(names)"
    ending.blamedHosts = Set(lost)
    ending.secondsWithoutWay = Int((ContinuousClock.now - since) / .seconds(1))
    return ending
  }

  /// What mpirun ends with where it cannot start anything on a host.
  private static let lostStatus: Int32 = 255

  /// A start after the first goes on from what the one before has saved, with the time that is left;
  /// where nothing was saved, it begins as the first did.
  ///
  /// - Throws: ``SupervisionError`` where it cannot be told whether anything was saved.
  private func programNow() throws(SupervisionError) -> LaunchCommand.Program {
    guard hasStarted else { return program }
    let newest = try records.newestCheckpoint()
    let resuming = newest == nil || newest == firstCheckpoint ? program : program.resumingLatest
    return secondsLeft.map { resuming.setting("cluster.timeLimit=\(max(1, Int($0)))") } ?? resuming
  }

  /// When cluster.timeLimit is over; `nil` where there is none.
  private var end: ContinuousClock.Instant? {
    cluster.timeLimit.map { start + .seconds($0) }
  }

  private var secondsLeft: Double? { end.map { ($0 - .now) / .seconds(1) } }

  private func record(
    _ ending: RestartPolicy.Ending, _ command: LaunchCommand?, start: Date
  ) {
    do {
      try records.add(
        .init(
          start: start, seconds: Date().timeIntervalSince(start), command: command?.words ?? [],
          status: ending.status, reason: ending.reason, blamedHosts: ending.blamedHosts.sorted(),
          step: ending.step, committedStep: ending.checkpoint?.step))
    } catch {
      // A log never ends a run.
      say("warning: \(error)")
    }
  }

  /// Says something, on standard error; where nobody reads it, it is lost.
  private func say(_ text: String) { writeIfReady("launch: \(text)\n") }
}
