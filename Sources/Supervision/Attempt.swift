import ClusterConfiguration
import Foundation
import Processes

/// One start of the ranks under mpirun, watched to its end.
struct Attempt {
  private let child: ChildProcess
  private let monitor: HeartbeatMonitor
  private let hosts: [String?]
  private let cluster: RunConfiguration.Cluster
  private let say: (String) -> Void
  private let start = SuspendingClock.now
  /// When the time of the whole run is over.
  private let timeEnd: ContinuousClock.Instant?

  /// Why mpirun is being ended, and the ranks that gave cause.
  private var verdict: (reason: String, ranks: [Int])?
  private var stopDeadline: SuspendingClock.Instant?
  private var killTime: SuspendingClock.Instant?
  private var wasToldToStop = false
  private var hadNothingToSave = false
  private var isStallSaid = false
  private var finishedSince: SuspendingClock.Instant?

  /// What mpirun has for ending its ranks before it is ended the hard way.
  private static let terminationLimit = Duration.seconds(5)
  /// What mpirun has for its own end after that of all ranks.
  private static let finishLimit = Duration.seconds(60)

  /// Starts mpirun.
  ///
  /// - Parameters:
  ///   - environment: What the ranks get, but for the launcher's address.
  ///   - end: When the ranks are told to stop, unless they have ended before.
  /// - Throws: ``SupervisionError``.
  init(
    _ command: LaunchCommand, on cluster: RunConfiguration.Cluster,
    environment: [String: String], monitor: HeartbeatMonitor,
    until end: ContinuousClock.Instant? = nil, say: @escaping (String) -> Void
  ) throws(SupervisionError) {
    self.monitor = monitor
    self.cluster = cluster
    self.say = say
    timeEnd = end
    hosts = command.hosts
    let variables = environment.merging([LauncherAddress.variable: "\(monitor.address)"]) { $1 }
    child = try ChildProcess(command.words, environment: variables.map { "\($0.key)=\($0.value)" })
  }

  private var report: RankReport { monitor.report(hosts: hosts) }

  /// Watches until mpirun has ended, and leaves nothing running on this machine.
  mutating func run(_ signals: inout StopSignals) -> RestartPolicy.Ending {
    defer {
      monitor.stop()
      ChildProcess.killAll(withEnvironment: "\(LauncherAddress.variable)=\(monitor.address)")
    }
    while true {
      let signal = signals.next(withinMilliseconds: 200)
      if let end = child.end() {
        // Nobody is left to pass it on to; the next start must not come.
        if signal != nil { wasToldToStop = true }
        return ending(end)
      }
      if let signal { stop(for: signal) }
      if let timeEnd, !wasToldToStop, .now > timeEnd {
        say("the time of cluster.timeLimit is over")
        stop(for: SIGUSR1)
      }
      check(report)
      if let stopDeadline, killTime == nil, .now > stopDeadline {
        terminate("the ranks have not saved within cluster.gracePeriod, \(cluster.gracePeriod) s")
      }
      if let killTime, .now > killTime { child.send(SIGKILL) }
    }
  }

  // MARK: - Stopping

  private mutating func stop(for signal: CInt) {
    let isFirst = !wasToldToStop
    wasToldToStop = true
    // Before a rank has said that it is there it may not know the signal, which would kill it.
    if isFirst, report.missing.isEmpty, killTime == nil {
      say("stopping: the ranks save and end; another interrupt ends them at once")
      stopDeadline = .now + .seconds(cluster.gracePeriod)
      child.send(SIGUSR1)
    } else if isFirst || signal == SIGTERM || signal == SIGINT {
      if isFirst { hadNothingToSave = !report.missing.isEmpty }
      terminate(isFirst ? "stopped before all ranks were there" : "stopped at once")
    }
  }

  private mutating func terminate(_ reason: String, because ranks: [Int] = []) {
    guard killTime == nil else { return }
    say(reason)
    verdict = (reason, ranks)
    killTime = .now + Self.terminationLimit
    child.send(SIGTERM)
  }

  // MARK: - Watching

  private mutating func check(_ report: RankReport) {
    if !isStallSaid, report.sightings.values.contains(where: { $0.beat.condition == .stalled }) {
      isStallSaid = true
      say("a rank is stuck: \(report.text)")
    }
    guard killTime == nil else { return }
    let silent = report.silent(forLongerThan: Double(cluster.heartbeatLimit))
    if !silent.isEmpty {
      terminate(
        "no sign of life for \(cluster.heartbeatLimit) s from \(report.namedWithHosts(silent)): "
          + report.text, because: silent)
    } else if !report.missing.isEmpty, .now - start > .seconds(cluster.startLimit) {
      terminate(
        "not started within cluster.startLimit, \(cluster.startLimit) s: "
          + report.namedWithHosts(report.missing), because: report.missing)
    } else if report.areAllFinished {
      finishedSince = finishedSince ?? .now
      if let finishedSince, .now - finishedSince > Self.finishLimit {
        terminate("all ranks are done, and mpirun does not end")
      }
    }
  }

  private func ending(_ end: ProcessEnd) -> RestartPolicy.Ending {
    let report = report
    var ending = RestartPolicy.Ending(status: end.status)
    ending.wasToldToStop = wasToldToStop
    ending.step = report.step
    var ranks = verdict?.ranks ?? []
    if verdict == nil, case .exited(let status) = end, ![0, 2, 3, 85].contains(status) {
      ranks = report.culprits
    }
    // Of a run on this machine alone there is no host to leave out.
    ending.blamedHosts = Set(ranks.compactMap { hosts[$0] })
    if let verdict {
      ending.reason = verdict.reason
    } else if case .killed(let signal) = end {
      ending.reason = "mpirun was killed by signal \(signal)"
    } else if let first = ranks.first, let place = report.sightings[first]?.beat {
      ending.reason =
        "it began with \(report.namedWithHosts(ranks)): \(place.operation), step \(place.step)"
    }
    // Where training had not begun nothing is lost.
    if hadNothingToSave { ending.status = RestartPolicy.Status.preempted }
    if end != .exited(0) {
      // A verdict was said when it was reached.
      let reason = verdict == nil ? ending.reason.map { ": \($0)" } ?? "" : ""
      say("mpirun ended with \(end.status)\(reason)")
    }
    return ending
  }
}
