import ClusterConfiguration
import Foundation

/// Asks hosts for a sign of life, by the way that mpirun will take to them.
///
/// mpirun itself may wait for minutes, and then names many things that could be wrong.
struct HostProbe {
  /// The program that runs a command on a host, with its options.
  let agent: [String]
  private let environment: [String]

  /// Seconds that ssh tries for, and that all of it may take.
  private static let sshLimit = 5
  private static let limit = Duration.seconds(10)

  /// Jobs in which mpirun has other ways to a host than ssh.
  private static let schedulerVariables = ["SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID"]

  /// A probe; `nil` where mpirun takes another way than ssh or the like.
  init?(_ cluster: RunConfiguration.Cluster, environment: [String: String]) {
    guard Self.schedulerVariables.allSatisfy({ environment[$0] == nil }) else { return nil }
    // As in Open MPI: several agents with colons between them, the first that is there; none is ssh.
    let stated =
      cluster.mca.first { $0.name == "plm_rsh_agent" }?.value
      ?? environment["OMPI_MCA_plm_rsh_agent"] ?? "ssh"
    let alternatives = stated.split(separator: ":").map {
      $0.split(separator: " ").map(String.init)
    }.filter { !$0.isEmpty }
    let agents = (alternatives.isEmpty ? [["ssh"]] : alternatives).lazy.compactMap { words in
      ChildProcess.path(of: words[0], in: environment["PATH"] ?? "").map {
        [$0] + words.dropFirst()
      }
    }
    guard let agent = agents.first else { return nil }
    let isSSH = (agent[0] as NSString).lastPathComponent == "ssh"
    self.agent =
      agent + (isSSH ? ["-o", "BatchMode=yes", "-o", "ConnectTimeout=\(Self.sshLimit)"] : [])
    self.environment = environment.map { "\($0.key)=\($0.value)" }
  }

  /// Those of the hosts, other than this machine, on which no command can be run; the program that
  /// tried has said why.
  func unreachable(among hosts: [String]) -> [String] {
    var waiting: [String: ChildProcess] = [:]
    var lost: Set<String> = []
    for host in hosts where !Self.isThisMachine(host) {
      do {
        waiting[host] = try ChildProcess(agent + [host, "true"], environment: environment)
      } catch {
        lost.insert(host)
      }
    }
    let deadline = ContinuousClock.now + Self.limit
    while !waiting.isEmpty, .now < deadline {
      for (host, child) in waiting {
        guard let end = child.end() else { continue }
        waiting[host] = nil
        if end != .exited(0) { lost.insert(host) }
      }
      usleep(20_000)
    }
    for child in waiting.values { child.kill() }
    return hosts.filter { lost.contains($0) || waiting[$0] != nil }
  }

  /// Whether a host is this machine, to which there is no way over the network to try.
  static func isThisMachine(_ host: String) -> Bool {
    let name = ProcessInfo.processInfo.hostName
    if [name, String(name.prefix { $0 != "." }), "localhost"].contains(host) { return true }
    // It may have other names, and some systems give their own name an address of the loopback.
    let own = IPv4Address.ofThisMachine()
    return IPv4Address.addresses(of: host).contains { $0.isLoopback || own.contains($0) }
  }
}
