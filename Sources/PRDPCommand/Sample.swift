import ArgumentParser
import Diffusion
import Foundation
import MPI
import StableDiffusion
import Torch
import Training

struct Sample: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Draws images for the prompts of a file.",
    discussion: """
      Writes 00000.png, 00001.png and so on to --output, a folder without images, with grid.png of \
      the first 64, and a JSON line an image to images.jsonl and standard output. Images are the \
      same in any batch.

      With --noise FILE the starting latents and the noise of each step come from a safetensors \
      file, initial [B, C, h, w] and steps [T, B, C, h, w] for B images and T steps, and \
      --save-trajectory FILE writes latents [T + 1, B, C, h, w], guided predictions \
      [T, B, C, h, w], log_probabilities [T, B] and images [B, H, W, 3] in 0...1, so that other \
      implementations can be compared.

      EXAMPLES
        prdp sample --model models/sd-1.5 --prompts prompts.txt --output samples
        prdp sample --model models/sd-1.5 --prompts prompts.txt --output samples \\
          --lora runs/a/export/pytorch_lora_weights.safetensors --images-per-prompt 4
      """)

  @OptionGroup var source: ModelOptions

  @Option(
    help: "Adapters to add: a file in diffusers' or Kohya's layout.",
    completion: .file(extensions: ["safetensors"]))
  var lora: String?

  @Option(
    help: "The prompts: .txt, .jsonl, .json, .csv or .tsv.",
    completion: .file(extensions: ["txt", "jsonl", "json", "csv", "tsv"]))
  var prompts: String

  @Option(help: "The folder that images go to, made where it is missing.", completion: .directory)
  var output: String

  @Option(help: "Sampling steps.")
  var steps = 50

  @Option(help: "Of classifier-free guidance; 1 is none.")
  var guidance = 5.0

  @Option(help: "Share of noise in a step, 0 to 1: 0 is deterministic, 1 as in training.")
  var eta = 1.0

  @Option(help: "leading, trailing or linspace; the model's own by default.")
  var spacing: TimestepSpacing?

  @Option(help: "Decides all noise.")
  var seed: UInt64 = 0

  @Option(help: "Images of each prompt.")
  var imagesPerPrompt = 1

  @Option(help: "Images at a time.")
  var batchSize = 4

  @Option(
    help: "Noise from a file, in place of the seed's.",
    completion: .file(extensions: ["safetensors"]))
  var noise: String?

  @Option(
    help: "Writes every step of every image to a new file.",
    completion: .file(extensions: ["safetensors"]))
  var saveTrajectory: String?

  func validate() throws {
    for (name, value, range) in [
      ("--steps", steps, 1...1000), ("--images-per-prompt", imagesPerPrompt, 1...100_000),
      ("--batch-size", batchSize, 1...100_000),
    ] where !range.contains(value) {
      throw ValidationError(
        "\(name) must be from \(range.lowerBound) to \(range.upperBound), got \(value)")
    }
    guard guidance >= 1, guidance.isFinite else {
      throw ValidationError("--guidance must be 1 or more, got \(guidance)")
    }
    guard (0...1).contains(eta) else {
      throw ValidationError("--eta must be from 0 to 1, got \(eta)")
    }
  }

  func run() throws {
    try withRanks { world in
      try world.requireOneRank(for: "prdp sample")
      let device = try prepareDevice(
        source.device, threadsPerRank: source.threads, dtype: source.dtype, communicator: world)
      try world.agreed {
        var settings = SampleRun.Settings(prompts: prompts, output: output)
        settings.steps = steps
        settings.guidance = guidance
        settings.eta = eta
        settings.spacing = spacing
        settings.seed = seed
        settings.imagesPerPrompt = imagesPerPrompt
        settings.batchCount = batchSize
        settings.noise = noise
        settings.trajectory = saveTrajectory
        let run = try SampleRun(model(on: device), settings)
        let bar = ProgressBar()
        try run.run(
          progress: bar.show,
          report: { line in
            bar.clear()
            say(line)
          })
        bar.clear()
      }
    }
  }

  private func model(on device: Device) throws -> StableDiffusionModel {
    guard let lora else {
      return try StableDiffusionModel(source.folder, device: device, dtype: source.dtype)
    }
    return try StableDiffusionModel(
      source.folder, device: device, dtype: source.dtype, loraFile: URL(filePath: lora))
  }
}

extension TimestepSpacing: ExpressibleByArgument {}
