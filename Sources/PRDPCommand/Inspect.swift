import ArgumentParser
import Foundation
import Training

struct Inspect: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Says what a model folder, a LoRA file or a checkpoint holds.",
    discussion: """
      Parts, parameters, types, sizes and hashes. Checkpoints are verified.

      EXAMPLES
        prdp inspect models/sd-1.5
        prdp inspect runs/a/checkpoints/step-00000400
        prdp inspect pytorch_lora_weights.safetensors --json
      """)

  @Argument(
    help: "A model folder in diffusers' format, a checkpoint, or a safetensors file.",
    completion: .file())
  var path: String

  @Option(help: "The kind of a model's weight files, such as fp16.")
  var variant: String?

  @Flag(help: "Write JSON.")
  var json = false

  func run() throws {
    let inspection = try refusingBadInput { try Inspection(path, variant: variant) }
    guard !json else {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
      return say(String(decoding: try encoder.encode(inspection), as: UTF8.self))
    }
    say("\(path): \(inspection.kind)")
    for (name, value) in inspection.facts.sorted(by: { $0.key < $1.key }) {
      say("  \(name): \(value)")
    }
    for part in inspection.parts {
      say(
        "  \(part.file): \(part.parameterCount.formatted()) parameters in \(part.tensorCount) "
          + "tensors of \(part.dtypes.joined(separator: ", ")), "
          + "\(part.byteCount.formatted()) bytes, SHA-256 \(part.sha256)")
    }
  }
}
