import ArgumentParser
import ClusterConfiguration
import Diagnosis
import Foundation
import Planning
import Processes
import Supervision
import Torch
import Training

struct DoctorCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor",
    abstract: "Looks at all machines and the network before a long run.",
    discussion: """
      Reaches every host of cluster.hosts by ssh, or as OMPI_MCA_plm_rsh_agent says, and compares: \
      the same prdp and libtorch, clocks, devices, memory and disk, a run folder that all hosts \
      write to and see, and what MPI makes of the network. Without hosts it looks at this machine \
      alone. Ends with 0, with 1 where a check failed, and with 2 for a bad file. What it writes to \
      the run folder it takes away.

      EXAMPLES
        prdp doctor --config cluster.yaml
        prdp doctor --config cluster.yaml --set 'cluster.hosts=[{name: node1, slots: 8}]'
      """)

  @OptionGroup var source: ConfigurationOptions

  @Option(help: "Seconds within which a host answers.")
  var timeout = 20.0

  @Option(help: "Writes the findings to a file, too.", completion: .file(extensions: ["json"]))
  var json: String?

  func validate() throws {
    guard timeout > 0, timeout <= 3600 else {
      throw ValidationError("--timeout must be above 0 and at most 3600 seconds, got \(timeout)")
    }
  }

  func run() throws {
    // Some for each host, all at once.
    DescriptorLimit.raise()
    let (findings, hostCount) = try refusingBadInput {
      let configuration = try source.load(keeping: [.promptsForEachSlot])
      let cluster = configuration.cluster
      let plan = try RunPlan(configuration, slotsPerHost: cluster.slotsPerHost)
      let examination = try examination(configuration, plan)
      let width = cluster.hosts.map(\.name.count).max() ?? 0
      let deviceCount = cluster.device == .cuda ? try Device.cudaCount() : 0
      let doctor = Doctor(examination, deviceCount: deviceCount) {
        say($0.line(hostWidth: max(4, width)))
      }
      let findings = try doctor.run()
      if let json { try writeJSON(findings, to: json) }
      return (findings, max(1, cluster.hosts.count))
    }
    func count(_ grade: Finding.Grade) -> Int { findings.filter { $0.grade == grade }.count }
    say(
      "\(hostCount) \(hostCount == 1 ? "host" : "hosts"): \(count(.ok)) ok, \(count(.warn)) to look "
        + "at, \(count(.fail)) failed")
    if count(.fail) > 0 { throw ExitCode(1) }
  }

  private func examination(_ configuration: RunConfiguration, _ plan: RunPlan) throws
    -> Doctor.Examination
  {
    let cluster = configuration.cluster
    let row = plan.row(rankCount: cluster.rankCount)
    let hostMemory = row.memory.filter { cluster.device == .cpu || $0.place == .host }
    let program = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    var examination = Doctor.Examination(
      hosts: cluster.hosts.map { ExaminedHost(name: $0.name, slots: $0.slots) },
      slots: cluster.slots, output: configuration.run.output,
      needs: RunNeeds(
        memoryPerRank: hostMemory.reduce(0) { $0 + $1.byteCount },
        disk: row.disk.retainedByteCount + cluster.rankCount * row.disk.inFlightBytesPerRank,
        usesCUDA: cluster.device == .cuda),
      shell: RemoteShell(
        agent: RemoteAgent(
          stated: cluster.mca.first { $0.name == "plm_rsh_agent" }?.value,
          environment: ProcessInfo.processInfo.environment) ?? .ssh),
      environment: environmentOfMPIRun(), program: program,
      networkCommand: cluster.networkCommand(program: program))
    examination.answerLimit = timeout
    return examination
  }
}

extension RunConfiguration.Cluster {
  /// Ranks on a host, at most.
  var slotsPerHost: Int { hosts.map(\.slots).max() ?? slots }

  /// The command that measures the network: one rank a host, or two of this machine; `nil` where
  /// there is but one.
  fileprivate func networkCommand(program: String) -> [String]? {
    let rankCount = hosts.isEmpty ? min(2, slots) : hosts.count
    guard rankCount > 1 else { return nil }
    var words = ["mpirun", "-np", "\(rankCount)", "--bind-to", "none"]
    if hosts.isEmpty {
      words += ["--oversubscribe"]
    } else {
      let list = hosts.map { "\($0.name):1" }.joined(separator: ",")
      words += ["--host", list, "--map-by", "ppr:1:node"]
    }
    if let network {
      for framework in ["btl", "oob"] {
        words += ["--mca", "\(framework)_tcp_if_include", network]
      }
    }
    for setting in mca { words += ["--mca", setting.name, setting.value] }
    return words
      + [program, "bench", "network", "--largest", "16", "--seconds", "0.5", "--json", "-"]
  }
}
