import Images
import Synchronization
import Torch
import TorchNN

// Shapes: B batch, H W rows and columns.

/// A reward that Python exported with torch.jit, run in this process, without Python.
///
/// Its `forward` takes pictures, float32 [B, 3, H, W] in 0...1, and gives a score for each, [B]. Where it
/// takes a second argument, `List[str]`, it gets the prompts, as many as pictures. The file is a
/// program: take it from where you would take a program. `scripts/torchscript_reward.py` makes one.
public final class TorchScriptReward: Reward {
  /// What it is called in metrics.
  public let name: String
  private let path: String
  private let device: Device
  private let batchSize: Int
  private let module: Mutex<ScriptModule>

  /// Loads the module.
  ///
  /// - Parameters:
  ///   - path: The file that torch.jit.save wrote.
  ///   - batchSize: Pictures that the module gets at once.
  /// - Throws: `TensorError` where it cannot be read or takes something else.
  public init(name: String = "torchscript", path: String, device: Device = .cpu, batchSize: Int)
    throws
  {
    precondition(batchSize > 0, "a batch of \(batchSize)")
    self.name = name
    self.path = path
    self.device = device
    self.batchSize = batchSize
    module = Mutex(try ScriptModule(path: path, device: device))
  }

  /// One score for each picture, all of which must be of one size.
  ///
  /// - Throws: `RewardError.promptCount`, `TensorError` with what the module itself says, or
  ///   `ModelError.wrongInput`.
  public func score(_ images: [Image], prompts: [String]) throws -> [Score] {
    try requirePromptEach(images, prompts)
    return try module.withLock { module in
      try withoutGradient {
        try images.batches(of: batchSize).flatMap { batch in
          let pixels = try Self.pixels(of: Array(images[batch])).to(device)
          let scores = try module(pixels, texts: Array(prompts[batch]))
          guard scores.shape == [batch.count] else {
            throw ModelError.wrongInput(
              "\(path): forward must return one score for each of \(batch.count) images, "
                + "[\(batch.count)], it returned \(scores.shape)")
          }
          return try scores.values(as: Double.self).scores
        }
      }
    }
  }

  /// [B, 3, H, W] in 0...1, on the CPU.
  private static func pixels(of images: [Image]) throws -> Tensor {
    let sizes = Set(images.map { [$0.width, $0.height] })
    guard sizes.count == 1, let size = sizes.first else {
      let found = sizes.map { "\($0[0])x\($0[1])" }.sorted().joined(separator: ", ")
      throw ModelError.wrongInput(
        "a torchscript reward takes images of one size, got \(found): scale them to one")
    }
    let levels = try Tensor(
      images.flatMap(\.pixels), shape: [images.count, size[1], size[0], 3])
    return try levels.permuted([0, 3, 1, 2]).to(dtype: .float32) * (1.0 / 255)
  }
}
