import ArgumentParser
import Diagnosis
import Foundation
import MPI
import Training

struct BenchNetwork: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "network",
    abstract: "Measures latency and bandwidth between the ranks, under mpirun.",
    discussion: """
      Each host exchanges messages with the next, the last with the first; two ranks of one host \
      too; then all ranks sum vectors. Figures are medians. What --json writes is for prdp plan \
      --network.

      EXAMPLES
        mpirun -np 2 prdp bench network
        mpirun -np 16 --hostfile hosts prdp bench network --json network.json
      """)

  @Option(help: "Bytes of the largest sum, in MB of 1,048,576.")
  var largest = 64

  @Option(help: "The most measurements of a figure.")
  var repetitions = 11

  @Option(help: "Seconds after which a figure is not measured again.")
  var seconds = 1.0

  @Option(
    help: "Writes the figures to a file, too; - writes them alone.",
    completion: .file(extensions: ["json"]))
  var json: String?

  func validate() throws {
    guard (1...4096).contains(largest) else {
      throw ValidationError("--largest must be from 1 to 4096, got \(largest)")
    }
    guard repetitions >= 1 else {
      throw ValidationError("--repetitions must be 1 or more, got \(repetitions)")
    }
    guard seconds >= 0, seconds.isFinite else {
      throw ValidationError("--seconds must be 0 or more, got \(seconds)")
    }
  }

  func run() throws {
    try withRanks { world in
      var settings = NetworkBenchmark.Settings()
      settings.largestByteCount = largest << 20
      settings.repetitionLimit = repetitions
      settings.secondsPerFigure = seconds
      var report = try NetworkBenchmark(world, settings).run()
      report.elementRate = try EpochRehearsal.elementRate(world)
      try world.agreed {
        guard world.rank == 0 else { return }
        if let json { try writeJSON(report, to: json) }
        if json != "-" { say(report.text) }
      }
    }
  }
}
