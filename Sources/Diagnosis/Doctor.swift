import Foundation
import Planning

/// Looks at the machines of a run before it starts: at each by itself, at what they share, and at the
/// network between them.
public struct Doctor {
  /// What to look at.
  public struct Examination: Sendable {
    /// The machines; none: this one alone.
    public var hosts: [ExaminedHost]
    /// Ranks on this machine where no host is named.
    public var slots: Int
    /// The run folder.
    public var output: String
    /// What the run needs.
    public var needs: RunNeeds
    /// How other machines are reached.
    public var shell: RemoteShell
    /// The variables of all programs that are started.
    public var environment: [String: String]
    /// This program's path, on all machines.
    public var program: String
    /// The command that measures the network, and writes JSON to standard output; `nil`: there is
    /// none between one rank.
    public var networkCommand: [String]?
    /// Seconds within which a machine answers.
    public var answerLimit = 20.0
    /// Seconds within which a machine sees what another wrote.
    public var sharingLimit = 60.0
    /// Seconds within which the network is measured.
    public var networkLimit = 120.0

    /// An examination with every value given but the limits.
    public init(
      hosts: [ExaminedHost], slots: Int, output: String, needs: RunNeeds, shell: RemoteShell,
      environment: [String: String], program: String, networkCommand: [String]?
    ) {
      self.hosts = hosts
      self.slots = slots
      self.output = output
      self.needs = needs
      self.shell = shell
      self.environment = environment
      self.program = program
      self.networkCommand = networkCommand
    }
  }

  /// Of this machine, whatever its name is.
  private static let here = "here"
  /// What this machine leaves when the others have looked for it in vain.
  private static let late = "late"

  private let examination: Examination
  private let deviceCount: Int
  private let report: (Finding) -> Void
  private let mark: SharedMark

  /// - Parameters:
  ///   - deviceCount: GPUs of this machine.
  ///   - report: Is given each finding at once.
  public init(
    _ examination: Examination, deviceCount: Int, report: @escaping (Finding) -> Void
  ) {
    self.examination = examination
    self.deviceCount = deviceCount
    self.report = report
    mark = SharedMark(
      folder: examination.output, nonce: String(UUID().uuidString.prefix(8).lowercased()))
  }

  /// Looks at everything, and takes away what it wrote.
  ///
  /// - Returns: All findings.
  /// - Throws: ``DiagnosisError`` where this machine cannot even look.
  public func run() throws -> [Finding] {
    var findings: [Finding] = []
    func add(_ some: [Finding]) {
      some.forEach(report)
      findings += some
    }
    defer { mark.remove(of: [Self.here, Self.late] + examination.hosts.map(\.name)) }
    let mine = try HostProbe(output: examination.output, mark: mark, host: Self.here)
      .report(deviceCount: deviceCount, expecting: Self.late)
    let judgement = HostJudgement(needs: examination.needs, reference: mine)
    if examination.hosts.isEmpty {
      let host = ExaminedHost(name: Self.here, slots: examination.slots)
      add(judgement.findings(mine, of: host))
    } else {
      let answering = try reach(judgement, add)
      try share(answering, add)
    }
    if let command = examination.networkCommand {
      if findings.contains(where: { $0.grade == .fail }) {
        add([
          Finding(
            .warn, "", "network", "not measured, as other checks failed",
            advice: "put these right first")
        ])
      } else {
        add(try network(command))
      }
    }
    return findings
  }

  /// Asks every machine at once.
  ///
  /// - Returns: Those that answered and wrote to the run folder.
  private func reach(_ judgement: HostJudgement, _ add: ([Finding]) -> Void) throws
    -> [ExaminedHost]
  {
    let ends = try ask(examination.hosts) { host in
      [
        "--output", examination.output, "--nonce", mark.nonce, "--name", host.name,
        "--expecting", Self.late,
      ] + (examination.needs.usesCUDA ? ["--cuda"] : [])
    }
    var answering: [ExaminedHost] = []
    for (host, end) in zip(examination.hosts, ends) {
      guard let answer: HostReport = Self.answer(end) else {
        add([unreachable(host, end)])
        continue
      }
      let reached = Finding(
        .ok, host.name, "ssh",
        host.isHere ? "is this machine" : "answers in \(secondsText(end.seconds))")
      add(
        [reached] + judgement.comparison(answer, of: host, end)
          + judgement.findings(answer, of: host))
      if answer.writeFailure == nil { answering.append(host) }
    }
    return answering
  }

  /// Whether this machine sees what the others wrote, and they what it writes now.
  private func share(_ hosts: [ExaminedHost], _ add: ([Finding]) -> Void) throws {
    func shared(_ host: ExaminedHost, _ seconds: Double?, _ what: String) -> Finding {
      guard let seconds else {
        return Finding(
          .fail, host.name, "sharing",
          "\(what) not seen in \(secondsText(examination.sharingLimit))",
          advice: "run.output must be on a file system that all hosts share, under the same path")
      }
      return seconds < 5
        ? Finding(.ok, host.name, "sharing", "\(what) seen after \(secondsText(seconds))")
        : Finding(
          .warn, host.name, "sharing", "\(what) seen after \(secondsText(seconds))",
          advice: "mount the file system with a shorter acdirmax")
    }
    let start = ContinuousClock.now
    var sharing: [ExaminedHost] = []
    for host in hosts {
      // All of them wrote before.
      let passed = (ContinuousClock.now - start) / .seconds(1)
      let seconds = mark.secondsUntilSeen(of: host.name, limit: examination.sharingLimit - passed)
      add([shared(host, seconds.map { passed + $0 }, "its file")])
      if seconds != nil { sharing.append(host) }
    }
    guard !hosts.isEmpty else { return }
    try mark.leave(as: Self.late)
    // Also of those whose file is elsewhere, and has to be taken away there.
    let ends = try ask(hosts, limit: examination.sharingLimit + examination.answerLimit) { host in
      [
        "--output", examination.output, "--nonce", mark.nonce, "--name", host.name, "--wait-for",
        Self.late, "--limit", sharing.contains(host) ? "\(examination.sharingLimit)" : "0",
      ]
    }
    for (host, end) in zip(hosts, ends) where sharing.contains(host) {
      let sight: Sight? = Self.answer(end)
      add([shared(host, sight?.seconds, "this machine's file")])
    }
  }

  private func ask(
    _ hosts: [ExaminedHost], limit: Double? = nil, _ arguments: (ExaminedHost) -> [String]
  ) throws -> [ChildProcess.End] {
    let folder = FileManager.default.currentDirectoryPath
    let seconds = Int(examination.answerLimit.rounded(.up))
    return try ChildProcess.run(
      in: examination.environment,
      hosts.map { host in
        let command = [examination.program, "doctor-host"] + arguments(host)
        guard !host.isHere else { return ChildProcess(command) }
        return examination.shell.command(
          command, in: folder, on: host.name, connectSeconds: seconds)
      }, limit: limit ?? examination.answerLimit)
  }

  /// What came in the last line that is JSON: a login may say something before.
  private static func answer<Answer: Decodable>(_ end: ChildProcess.End) -> Answer? {
    guard end.status == 0, let line = end.output.split(whereSeparator: \.isNewline).last
    else { return nil }
    return try? JSONDecoder().decode(Answer.self, from: Data(line.utf8))
  }

  private func unreachable(_ host: ExaminedHost, _ end: ChildProcess.End) -> Finding {
    let name = host.name
    switch end.status {
    case nil:
      return Finding(
        .fail, name, "ssh", "no answer in \(secondsText(end.seconds))",
        advice: "look whether it is up, and at the network")
    case 255:
      return Finding(
        .fail, name, "ssh", end.complaint,
        advice: "ssh must reach it without a password: ssh-copy-id \(name)")
    case 0:
      return Finding(
        .fail, name, "prdp", "another version, which does not report",
        advice: "give all hosts the same build")
    default:
      return Finding(
        .fail, name, "prdp", end.complaint,
        advice: "\(examination.program) and the working directory must be there too, best on a "
          + "shared file system")
    }
  }

  private func network(_ command: [String]) throws -> [Finding] {
    let end = try ChildProcess.run(
      in: examination.environment, [ChildProcess(command)], limit: examination.networkLimit)[0]
    // The table for a person comes in no line that is JSON.
    guard let measured: NetworkReport = Self.answer(end) else {
      let found =
        end.status.map { "mpirun ended with \($0): \(end.complaint)" }
        ?? "mpirun did not end in \(secondsText(end.seconds))"
      return [
        Finding(
          .fail, "", "network", found,
          advice: "hosts must reach each other, by ssh and on all ports: set cluster.network")
      ]
    }
    return NetworkJudgement.findings(measured)
  }
}

/// What a machine says that waited for a file.
public struct Sight: Codable, Sendable {
  /// Seconds that it waited; `nil` where it did not come.
  public let seconds: Double?

  /// A wait that ended.
  public init(seconds: Double?) {
    self.seconds = seconds
  }
}
