import ArgumentParser
import ClusterConfiguration
import Foundation
import MPI
import Planning
import Training

struct BenchEpoch: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "epoch",
    abstract: "Measures a configured run's epoch with its computation replaced by waiting.",
    discussion: """
      Communication is that of prdp train: gradients of as many elements, in the same buckets, beside \
      a last backward pass that is waited for. So what prdp plan predicts can be held against \
      machines and a network, without a model that would keep them busy.

      EXAMPLES
        mpirun -np 4 prdp bench epoch --compute-seconds sample=1,gradient=1,forward=0.3,update=0.01
      """)

  @OptionGroup var source: ConfigurationOptions

  @Option(
    help: ArgumentHelp(
      "Of a prompt and of an update.", valueName: "sample=s,gradient=s,forward=s,update=s"))
  var computeSeconds: StatedSeconds

  @Option(help: "Epochs to measure, of which the median counts.")
  var epochs = 3

  @Option(
    help: "Writes the figures to a file, too; - writes them alone.",
    completion: .file(extensions: ["json"]))
  var json: String?

  func validate() throws {
    guard epochs >= 1 else { throw ValidationError("--epochs must be 1 or more, got \(epochs)") }
  }

  func run() throws {
    try withRanks { world in
      let plan = try world.agreed {
        let configuration = try source.load()
        return try RunPlan(configuration, slotsPerHost: configuration.cluster.slotsPerHost)
      }
      let rehearsal = try EpochRehearsal(plan, computeSeconds.seconds, communicator: world)
      let seconds = try rehearsal.run(epochCount: epochs).sorted()
      try world.agreed {
        guard world.rank == 0 else { return }
        let median = (seconds[(epochs - 1) / 2] + seconds[epochs / 2]) / 2
        if let json {
          try writeJSON(Figures(ranks: world.size, seconds: median, all: seconds), to: json)
        }
        if json != "-" {
          say("an epoch on \(world.size) ranks takes \(secondsText(median)), of \(epochs)")
        }
      }
    }
  }

  private struct Figures: Encodable {
    let ranks: Int
    let seconds: Double
    let all: [Double]
  }
}
