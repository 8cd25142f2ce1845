import ArgumentParser
import StableDiffusion
import Torch
import Training

/// A model and what it computes on.
struct ModelOptions: ParsableArguments {
  @Option(help: "A folder in diffusers' format.", completion: .directory)
  var model: String

  @Option(help: "The kind of its weight files, such as fp16.")
  var variant: String?

  @Option(help: "The type of the weights in memory.")
  var dtype: DType = .float32

  @Option(help: "What to compute on.")
  var device: DeviceKind = .cpu

  @Option(help: "Threads of the tensor library; 0 takes all cores.")
  var threads = 0

  mutating func validate() throws {
    guard (0...1024).contains(threads) else {
      throw ValidationError("--threads must be from 0 to 1024, got \(threads)")
    }
  }

  /// The model's files.
  var folder: ModelFolder { ModelFolder(path: model, variant: variant) }
}

extension DType: ExpressibleByArgument {
  /// The types that weights may have.
  public static var allValueStrings: [String] {
    [DType.float32, .float16, .bfloat16].map(\.rawValue)
  }

  /// A type by its name; `nil` for one that weights do not have.
  public init?(argument: String) {
    guard Self.allValueStrings.contains(argument) else { return nil }
    self.init(rawValue: argument)
  }
}
