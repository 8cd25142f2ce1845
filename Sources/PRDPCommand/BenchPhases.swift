import ArgumentParser
import ClusterConfiguration
import MPI
import StableDiffusion
import Training

struct BenchPhases: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "phases",
    abstract: "Times the phases of a configured run's epochs, beside what their arithmetic takes.",
    discussion: """
      Takes epochs of the run in cluster.yaml, without a run folder, and says of each phase its \
      time, its arithmetic as counted from the layers, and how much of the machine's own rate that \
      is: of large matrix products and convolutions, and of the same ones each by itself, measured \
      by the same ranks. Under mpirun all ranks compute. Rewards are asked as in a run, paid ones \
      too; what their networks compute counts to the phase beside which it is computed.

      --model takes a folder, or a name: \(names). All but the first of these have random weights \
      and, in place of what cluster.yaml says, the size as JPEG for a reward, adapters in the \
      attention, and the fewest prompts, images and steps that make an epoch. --set comes after.

      EXAMPLES
        mpirun -np 2 prdp bench
        prdp bench --set method.innerSteps=10 --json bench.json
        prdp bench --model sd-1.5 --set cluster.threadsPerRank=0
        mpirun -np 8 prdp bench --model sdxl --set cluster.device=cuda --set model.dtype=bfloat16
      """)

  @OptionGroup var source: ConfigurationOptions

  @Option(
    help: "A folder in diffusers' format, or \(names); left out: that of the configuration.",
    completion: .directory)
  var model: String?

  @Option(help: "Epochs to measure after the first, of which the median counts.")
  var epochs = 3

  @Option(
    help: "Writes the figures to a file, too; - writes them alone.",
    completion: .file(extensions: ["json"]))
  var json: String?

  private static let embedded = "embedded"
  private static let names =
    ([embedded] + StandardModel.allCases.map(\.rawValue)).joined(separator: ", ")

  func validate() throws {
    guard epochs >= 1 else { throw ValidationError("--epochs must be 1 or more, got \(epochs)") }
  }

  func run() throws {
    try withRanks { world in
      let standard = model.flatMap(StandardModel.init(rawValue:))
      let configuration = try source.load(world, presets: presets(standard, world))
      let device = try prepareDevice(configuration, world)
      let report = try PhaseBenchmark(
        configuration, standard: standard, communicator: world, device: device
      ).run(epochCount: epochs)
      try world.agreed {
        guard world.rank == 0 else { return }
        if let json { try writeJSON(report, to: json) }
        if json != "-" { say(report.text) }
      }
    }
  }

  /// What the model changes in the configuration.
  private func presets(_ standard: StandardModel?, _ world: Communicator) -> [String] {
    guard standard != nil else {
      return model.map {
        ["model.path=\($0 == Self.embedded ? RunConfiguration().model.path : $0)"]
      } ?? []
    }
    return [
      "rewards=[{name: jpeg-compressibility}]", "evaluation.rewards=[]", "checkpoint.best=null",
      "model.lora.targets=[to_q, to_k, to_v, to_out.0]", "method.promptsPerEpoch=\(world.size)",
      "method.imagesPerPrompt=2", "method.microBatch=2", "method.omitLastSteps=0",
      "sampler.steps=2", "sampler.batchSize=2",
    ]
  }
}
