import ArgumentParser
import Training

struct ExportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export",
    abstract: "Writes what a run has learnt, for other programs to load.",
    discussion: """
      Of a run that trained adapters: pytorch_lora_weights.safetensors, for diffusers, and \
      lora_kohya.safetensors, for ComfyUI and AUTOMATIC1111. With --merge, and of a run that \
      trained the whole UNet: a complete model folder in diffusers' format, in float32 and without \
      safety checker. Everything is read back after it was written, and nothing is overwritten.

      EXAMPLES
        prdp export runs/a --output runs/a/export
        prdp export runs/a/checkpoints/step-00000400 --output lora
        prdp export runs/a --merge --output models/tuned
      """)

  @Argument(
    help: "A run folder, of which the newest checkpoint is taken, or a checkpoint.",
    completion: .directory)
  var path: String

  @Option(help: "The folder to write to; a new one for a whole model.", completion: .directory)
  var output: String

  @Option(
    help: "The model that the run started from, where it has moved.", completion: .directory)
  var model: String?

  @Flag(help: "Write a whole model, with the adapters merged.")
  var merge = false

  func run() throws {
    try refusingBadInput {
      let export = try Export(path, modelPath: model)
      guard export.hasAdapters && !merge else {
        try export.writeModel(to: output)
        return say(output)
      }
      for file in try export.writeAdapters(to: output) { say(file) }
    }
  }
}
