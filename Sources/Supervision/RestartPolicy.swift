/// Decides what follows when a start of the ranks has ended.
public struct RestartPolicy: Sendable {
  /// How a start ended.
  public struct Ending: Sendable, Equatable {
    /// mpirun's exit status; 128 and the signal's number where it was killed.
    public var status: Int32
    /// Why, in words, where more is known than the status.
    public var reason: String?
    /// Whether the launcher had told the run to stop.
    public var wasToldToStop = false
    /// The hosts that it began with, where that is known.
    public var blamedHosts: Set<String> = []
    /// The optimiser step that it died at, where that is known.
    public var step: Int?
    /// The newest checkpoint of the run folder.
    public var checkpoint: CommittedCheckpoint?
    /// Where nothing could be started, since a host was not reached: for how many seconds in a row.
    public var secondsWithoutWay: Int?

    /// An ending of which nothing but the status is known.
    public init(status: Int32) {
      self.status = status
    }

    /// Blames none where all hosts that are reached over the network, more than one, failed
    /// together: then it is the network's fault.
    mutating func excuseHosts(ofNetwork hosts: Set<String>) {
      if hosts.count > 1, blamedHosts.isSuperset(of: hosts) { blamedHosts = [] }
    }
  }

  /// What to do next.
  public enum Decision: Sendable, Equatable {
    /// End with an exit status; the text says why where it is not as the run ended.
    case end(status: Int32, explanation: String?)
    /// Start again after some seconds, without some hosts.
    case restart(afterSeconds: Int, withoutHosts: Set<String>)
  }

  /// Exit statuses with a meaning.
  enum Status {
    static let done: Int32 = 0
    static let failed: Int32 = 1
    static let badInput: Int32 = 2
    static let numericalStop: Int32 = 3
    static let preempted: Int32 = 85
  }

  private let limit: Int
  private let delay: Int
  private let hosts: [String]
  private let leavesHostsOut: Bool
  private let stopsAreAsked: Bool

  private var excluded: Set<String> = []
  /// The steps that starts died at since a checkpoint was last committed.
  private var failedSteps: [Int?] = []
  private var failuresByHost: [String: Int] = [:]
  private var checkpoint: CommittedCheckpoint?

  private static let longestDelay = 300
  private static let failuresOfAHost = 2
  /// How long a host may take to come back: machines check their memory when they start.
  private static let secondsWithoutWay = 15 * 60

  /// A policy.
  ///
  /// - Parameters:
  ///   - restarts: Starts in a row without a newly committed step between them.
  ///   - delay: Seconds before the first of them; doubled at each.
  ///   - hosts: The hosts of the run; empty where there is this machine alone.
  ///   - leavesHostsOut: Whether one that failed twice is left out.
  ///   - stopsAreAsked: Whether a run that ends preempted and saved was meant to, also where the
  ///     launcher did not tell it to: it has a time limit.
  ///   - checkpoint: The newest one before the first start.
  public init(
    restarts: Int, delay: Int, hosts: [String], leavesHostsOut: Bool, stopsAreAsked: Bool = false,
    checkpoint: CommittedCheckpoint? = nil
  ) {
    limit = restarts
    self.delay = delay
    self.hosts = hosts
    self.leavesHostsOut = leavesHostsOut
    self.stopsAreAsked = stopsAreAsked
    self.checkpoint = checkpoint
  }

  /// What follows an ending.
  public mutating func decide(after ending: Ending) -> Decision {
    switch ending.status {
    case Status.done, Status.badInput, Status.numericalStop:
      return .end(status: ending.status, explanation: nil)
    case Status.preempted where ending.wasToldToStop || stopsAreAsked:
      return .end(status: ending.status, explanation: nil)
    default:
      if ending.wasToldToStop {
        return .end(status: ending.status, explanation: "it was stopped before it had saved")
      }
    }
    // That of a run which went back to an earlier one has fewer steps.
    if let newest = ending.checkpoint, newest != checkpoint {
      checkpoint = newest
      failedSteps = []
      failuresByHost = [:]
    }
    // A host that is on its way back is no failure of the run.
    if ending.secondsWithoutWay == nil { failedSteps.append(ending.step) }
    for host in ending.blamedHosts { failuresByHost[host, default: 0] += 1 }
    guard failedSteps.count <= limit else {
      return .end(status: exitStatus(ending), explanation: explanation(ending))
    }
    if let seconds = ending.secondsWithoutWay, seconds > Self.secondsWithoutWay {
      return .end(
        status: exitStatus(ending),
        explanation: "\(ending.reason ?? "no way to a host") for \(seconds / 60) minutes")
    }
    leaveOut()
    // 2^9 s is beyond any delay's limit.
    let wait = min(delay << min(max(failedSteps.count, 1) - 1, 9), Self.longestDelay)
    // To ask a host that is not there over and over takes no time.
    let shortest = ending.secondsWithoutWay == nil ? 0 : 1
    return .restart(afterSeconds: max(wait, shortest), withoutHosts: excluded)
  }

  /// Leaves hosts out that failed twice without a new checkpoint in between, where one remains.
  private mutating func leaveOut() {
    guard leavesHostsOut else { return }
    for host in hosts where failuresByHost[host, default: 0] >= Self.failuresOfAHost {
      guard excluded.count + 1 < hosts.count else { return }
      excluded.insert(host)
    }
  }

  /// A run that could still go on must not seem to be one that was stopped.
  private func exitStatus(_ ending: Ending) -> Int32 {
    ending.status == Status.preempted ? Status.failed : ending.status
  }

  private func explanation(_ ending: Ending) -> String {
    let steps = failedSteps.map { $0.map { "step \($0)" } ?? "its start" }
    let places =
      Set(steps).count == 1 ? "each time at \(steps[0])" : "at " + steps.joined(separator: ", ")
    let times = steps.count == 1 ? "once" : "\(steps.count) times in a row"
    let hosts = failuresByHost.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
    return "the run ended \(times) without a new checkpoint in between, \(places)"
      + (hosts.isEmpty
        ? "" : "; the host that it began with: \(hosts.joined(separator: ", ")) of them")
      + (checkpoint.map { "; the newest checkpoint is that of step \($0.step)" } ?? "")
  }
}
