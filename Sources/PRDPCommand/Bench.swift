import ArgumentParser
import Foundation
import MPI
import Training

/// What a model or a network does here.
struct Bench: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measures what training costs on this machine, or what the network gives.",
    discussion: """
      EXAMPLES
        mpirun -np 2 prdp bench
        prdp bench --model sd-1.5
        prdp bench model --model models/sd-1.5
        mpirun -np 2 prdp bench network
      """,
    subcommands: [BenchPhases.self, BenchModel.self, BenchNetwork.self, BenchEpoch.self],
    defaultSubcommand: BenchPhases.self)
}

struct BenchModel: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "model",
    abstract: "Measures whether a model needs gradient checkpointing on this machine.",
    discussion: """
      Loads the model and takes two training steps of adapters with a micro-batch, one that \
      computes activations anew and one that keeps them, and compares the gradients. It tells \
      whether model.gradientCheckpointing is needed. scripts/random_model.py makes models to try.

      EXAMPLES
        prdp bench model --model models/sd-1.5
        prdp bench model --model models/sd-1.5 --batch-size 4 --guidance 5 --json
      """)

  @OptionGroup var source: ModelOptions

  @Option(help: "Rank of the adapters, of the attention's layers.")
  var rank = 4

  @Option(help: "Images in the micro-batch.")
  var batchSize = 1

  @Option(help: "Of classifier-free guidance; 1 is none, at half the cost.")
  var guidance = 1.0

  @Flag(help: "Write JSON.")
  var json = false

  func validate() throws {
    guard rank >= 1 else { throw ValidationError("--rank must be 1 or more, got \(rank)") }
    guard batchSize >= 1 else {
      throw ValidationError("--batch-size must be 1 or more, got \(batchSize)")
    }
    guard guidance >= 1, guidance.isFinite else {
      throw ValidationError("--guidance must be 1 or more, got \(guidance)")
    }
  }

  func run() throws {
    try withRanks { world in
      let device = try prepareDevice(
        source.device, threadsPerRank: source.threads, dtype: source.dtype, communicator: world)
      try world.agreed {
        var settings = ModelBenchmark.Settings()
        settings.dtype = source.dtype
        settings.rank = rank
        settings.batchCount = batchSize
        settings.guidance = guidance
        try show(ModelBenchmark(source.folder, settings, device: device).run())
      }
    }
  }

  private func show(_ report: ModelBenchmark.Report) throws {
    guard !json else {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
      return say(String(decoding: try encoder.encode(report), as: UTF8.self))
    }
    func gigabytes(_ bytes: Int) -> String { String(format: "%6.2f GB", Double(bytes) / 1e9) }
    func seconds(_ value: Double) -> String { String(format: "%6.1f s", value) }
    say("weights                         \(gigabytes(report.weightByteCount))")
    say("loading                         \(seconds(report.loadSeconds))")
    say("peak memory, all weights read   \(gigabytes(report.loadedPeakByteCount))")
    for (name, step) in [("kept", report.kept), ("computed anew", report.recomputed)] {
      say(
        "step, activations \(name.padding(toLength: 14, withPad: " ", startingAt: 0))"
          + "\(seconds(step.seconds))  \(gigabytes(step.tensorByteCount)) of tensors beside the model"
      )
    }
    say("peak memory of the process      \(gigabytes(report.peakByteCount))")
    say(String(format: "gradients differ by             %6.1e", report.gradientDifference))
  }
}
