import ArgumentParser
import ClusterConfiguration
import Foundation
import MPI
import Training

struct Evaluate: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract:
      "Scores the images that a model makes of a file's prompts, under mpirun or by itself.",
    discussion: """
      The configuration says how images are drawn and scored, its sections sampler, rewards and \
      cluster; what evaluation.rewards has is said beside. An image's noise follows from the seed, \
      its prompt's place in the file and its own among the prompt's, so that two models are compared \
      image by image: see `prdp compare`. The standard error is that of the prompts' means.

      EXAMPLES
        prdp evaluate --model M --prompts p.txt --json base.json
        prdp evaluate --model M --lora lora.safetensors --prompts p.txt --images-per-prompt 4
        mpirun -np 4 prdp evaluate --checkpoint runs/a --prompts p.txt --seed 7 --json a.json
        prdp evaluate --model M --prompts p.txt --set 'rewards=[{name: jpeg-compressibility}]'
      """)

  @OptionGroup var source: ConfigurationOptions

  @Option(
    help: "The model, a folder in diffusers' format; the configuration's by default.",
    completion: .directory)
  var model: String?

  @Option(
    help: "A checkpoint of a run that started from the model, or the run's folder.",
    completion: .directory)
  var checkpoint: String?

  @Option(
    help: "Adapters to add: a file in diffusers' or Kohya's layout.",
    completion: .file(extensions: ["safetensors"]))
  var lora: String?

  @Option(
    help: "The prompts: .txt, .jsonl, .json, .csv or .tsv.",
    completion: .file(extensions: ["txt", "jsonl", "json", "csv", "tsv"]))
  var prompts: String

  @Option(help: "Images of each prompt.")
  var imagesPerPrompt = 1

  @Option(help: "Decides all noise.")
  var seed: UInt64 = 0

  @Option(
    help: ArgumentHelp(
      "Keeps what programs and services say, and asks for none of it again: a run's is RUN/ledger.",
      valueName: "folder"),
    completion: .directory)
  var ledger: String?

  @Option(
    help: "Writes the report with the score of each image; - for standard output instead.",
    completion: .file(extensions: ["json"]))
  var json: String?

  func validate() throws {
    guard (1...100_000).contains(imagesPerPrompt) else {
      throw ValidationError(
        "--images-per-prompt must be from 1 to 100000, got \(imagesPerPrompt)")
    }
    if checkpoint != nil && lora != nil {
      throw ValidationError("--checkpoint and --lora are two sets of weights: leave one out")
    }
  }

  func run() throws {
    try withRanks { world in
      let configuration = try source.load(world, for: .scoring)
      let device = try prepareDevice(configuration, world)
      let run = try EvaluationRun(
        configuration, weights, modelPath: model, prompts: prompts,
        imagesPerPrompt: imagesPerPrompt, seed: seed, ledger: ledger, communicator: world,
        device: device)
      let bar = world.rank == 0 ? ProgressBar() : nil
      let report = try run.run { bar?.show(done: $0, of: $1) }
      bar?.clear()
      try world.agreed {
        guard world.rank == 0 else { return }
        if json != "-" {
          say(Self.line("reward", report.reward))
          // Of one reward alone the sum is no other.
          for (name, summary) in report.components.sorted(by: { $0.key < $1.key })
          where report.components.count > 1 {
            say(Self.line("  \(name)", summary))
          }
        }
        if let json { try writeJSON(report, to: json) }
      }
    }
  }

  private var weights: EvaluationRun.Weights {
    if let checkpoint { return .checkpoint(path: checkpoint) }
    return lora.map { .adapters(path: $0) } ?? .none
  }

  private static func line(_ name: String, _ summary: RewardSummary) -> String {
    let mean = summary.mean.map { String(format: "%.4f", $0) } ?? "none"
    let error = summary.standardError.map { String(format: " +- %.4f", $0) } ?? ""
    let missing = summary.missingCount > 0 ? ", \(summary.missingCount) without a score" : ""
    return "\(name): \(mean)\(error), \(summary.imageCount) images of \(summary.promptCount) "
      + "prompts\(missing)"
  }
}
