import ClusterConfiguration
import Foundation
import Processes

/// Asks hosts for a sign of life, by the way that mpirun will take to them.
///
/// mpirun itself may wait for minutes, and then names many things that could be wrong.
struct HostProbe {
  let agent: RemoteAgent
  private let environment: [String]

  /// Seconds that ssh tries for, and that all of it may take.
  private static let sshLimit = 5
  private static let limit = Duration.seconds(10)

  /// Jobs in which mpirun has other ways to a host than ssh.
  private static let schedulerVariables = ["SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID"]

  /// A probe; `nil` where mpirun takes another way than ssh or the like.
  init?(_ cluster: RunConfiguration.Cluster, environment: [String: String]) {
    guard Self.schedulerVariables.allSatisfy({ environment[$0] == nil }) else { return nil }
    let stated = cluster.mca.first { $0.name == "plm_rsh_agent" }?.value
    guard let agent = RemoteAgent(stated: stated, environment: environment) else { return nil }
    self.agent = agent
    self.environment = environment.map { "\($0.key)=\($0.value)" }
  }

  /// Those of the hosts, other than this machine, on which no command can be run; the program that
  /// tried has said why.
  func unreachable(among hosts: [String]) -> [String] {
    var waiting: [String: ChildProcess] = [:]
    var lost: Set<String> = []
    for host in hosts where !Self.isThisMachine(host) {
      do {
        let words = agent.command("true", on: host, connectSeconds: Self.sshLimit)
        waiting[host] = try ChildProcess(words, environment: environment)
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
