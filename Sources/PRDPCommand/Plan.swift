import ArgumentParser
import ClusterConfiguration
import Diagnosis
import Foundation
import MPI
import Planning
import Training

struct Plan: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Predicts memory, traffic, disk and time for any number of ranks.",
    discussion: """
      Counts what the model's files and the configuration say, and reckons the time of an epoch \
      from the computation of one rank and the network. The computation is measured by --measure, \
      under mpirun with all ranks of a machine at work, read from a run's records by --from, or \
      stated; the network is measured by prdp bench network, or stated. What nobody measured or \
      stated is left out, and said. Evaluations and checkpoints take their time beside.

      EXAMPLES
        prdp plan --config cluster.yaml
        mpirun -np 2 prdp plan --measure --bandwidth 10 --latency 20
        prdp plan --from runs/embedded --network network.json --set method.promptsPerEpoch=1024
        prdp plan --compute-seconds sample=30,gradient=20,forward=7,update=0.1 --json plan.json
      """)

  @OptionGroup var source: ConfigurationOptions

  @Option(help: "Numbers of ranks, with commas.")
  var ranks = RankCounts([8, 16, 32, 64, 128, 256, 512, 1024])

  @Option(
    name: .customLong("slots-per-host"),
    help: "Ranks on a host; left out: the most slots in cluster.hosts, or cluster.slots.")
  var slotsPerHost: Int?

  @Flag(help: "Measure the computation of the configured run here.")
  var measure = false

  @Option(help: "A run folder whose records say what the computation took.", completion: .directory)
  var from: String?

  @Option(help: "Ranks of that run; left out: those in its summary.json.")
  var fromRanks: Int?

  @Option(
    help: ArgumentHelp(
      "Of a prompt and of an update.",
      valueName: "sample=s,gradient=s,forward=s,update=s"))
  var computeSeconds: StatedSeconds?

  @Option(help: "A file that prdp bench network --json wrote.", completion: .file())
  var network: String?

  @Option(help: "Of a host, each way, in Gbit/s.")
  var bandwidth: Double?

  @Option(help: "Of a message between hosts, in microseconds.")
  var latency: Double?

  @Option(
    help: "Writes all figures to a file, too; - writes them alone.",
    completion: .file(extensions: ["json"]))
  var json: String?

  func validate() throws {
    let sources = [measure, from != nil, computeSeconds != nil].filter { $0 }.count
    guard sources <= 1 else {
      throw ValidationError("take one of --measure, --from and --compute-seconds")
    }
    if fromRanks != nil && from == nil { throw ValidationError("--from-ranks belongs to --from") }
    if let fromRanks, fromRanks < 1 {
      throw ValidationError("--from-ranks must be 1 or more, got \(fromRanks)")
    }
    if let slotsPerHost, slotsPerHost < 1 {
      throw ValidationError("--slots-per-host must be 1 or more, got \(slotsPerHost)")
    }
    guard (bandwidth == nil) == (latency == nil) else {
      throw ValidationError("--bandwidth and --latency belong together")
    }
    if network != nil && bandwidth != nil {
      throw ValidationError("take --network, or --bandwidth and --latency")
    }
    if let bandwidth, !(bandwidth > 0 && bandwidth.isFinite) {
      throw ValidationError("--bandwidth must be above 0 Gbit/s, got \(bandwidth)")
    }
    if let latency, !(latency >= 0 && latency.isFinite) {
      throw ValidationError("--latency must be 0 microseconds or more, got \(latency)")
    }
  }

  func run() throws {
    guard measure else { return try refusingBadInput { try show(plan(source.load())) } }
    try withRanks { world in
      let configuration = try world.agreed { try source.load() }
      var plan = try world.agreed { try self.plan(configuration) }
      let device = try prepareDevice(configuration, world)
      let report = try ComputeBenchmark(configuration, communicator: world, device: device).run()
      plan.compute = report.seconds
      plan.activationByteCount = report.activationByteCount
      try world.agreed { if world.rank == 0 { try show(plan) } }
    }
  }

  private func plan(_ configuration: RunConfiguration) throws -> RunPlan {
    var plan = try RunPlan(
      configuration, slotsPerHost: slotsPerHost ?? configuration.cluster.slotsPerHost)
    plan.compute =
      try from.map { try MeasuredRun(folder: $0, rankCount: fromRanks).seconds }
      ?? computeSeconds?.seconds
    if let network {
      plan.network = try NetworkReport(contentsOf: network).figures
    } else if let bandwidth, let latency {
      plan.network = NetworkFigures(bandwidth: bandwidth * 1e9 / 8, latency: latency * 1e-6)
    }
    return plan
  }

  private func show(_ plan: RunPlan) throws {
    if let json { try writeJSON(PlanReport(plan, rankCounts: ranks.values), to: json) }
    if json != "-" { say(plan.text(rankCounts: ranks.values)) }
  }
}

/// What --json writes: the plan's figures, and what they come to.
private struct PlanReport: Encodable {
  let plan: RunPlan
  let rows: [RunPlan.Row]

  init(_ plan: RunPlan, rankCounts: [Int]) {
    self.plan = plan
    rows = rankCounts.map(plan.row)
  }
}

/// Numbers of ranks, as the user writes them.
struct RankCounts: ExpressibleByArgument, CustomStringConvertible {
  let values: [Int]

  init(_ values: [Int]) {
    self.values = values
  }

  init?(argument: String) {
    let numbers = argument.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) }
    let values = numbers.compactMap { $0 }
    guard values.count == numbers.count, values.allSatisfy({ (1...1_000_000).contains($0) }) else {
      return nil
    }
    self.values = values
  }

  var description: String { values.map(String.init).joined(separator: ",") }
}

/// Seconds of computation, as the user writes them.
struct StatedSeconds: ExpressibleByArgument {
  let seconds: ComputeSeconds

  init?(argument: String) {
    var values: [Substring: Double] = [:]
    for part in argument.split(separator: ",") {
      let pair = part.split(separator: "=", omittingEmptySubsequences: false)
      guard pair.count == 2, let value = Double(pair[1]), value >= 0, value.isFinite,
        values.updateValue(value, forKey: pair[0]) == nil
      else { return nil }
    }
    guard let sample = values["sample"], let gradient = values["gradient"],
      let forward = values["forward"], let update = values["update"], values.count == 4
    else { return nil }
    seconds = ComputeSeconds(
      samplePerPrompt: sample, gradientPerPrompt: gradient, forwardPerPrompt: forward,
      updatePerStep: update)
  }
}
