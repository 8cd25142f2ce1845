import CLIP
import Images
import Synchronization
import Torch

/// How beautiful pictures are, whatever their prompts: LAION's predictor of ratings from 1 to 10 on
/// the unit vectors of a CLIP model, ViT-L/14 for the published ones.
///
/// - Source: christophschuhmann/improved-aesthetic-predictor and LAION-AI/aesthetic-predictor;
///   kvablack/ddpo-pytorch, aesthetic_scorer.py.
public final class AestheticReward: Reward {
  /// What it is called in metrics.
  public let name: String
  private let batchSize: Int
  private let networks: Mutex<Networks>

  private struct Networks {
    let clip: CLIPModel
    let head: AestheticHead
  }

  /// Loads the model.
  ///
  /// - Parameters:
  ///   - folder: The CLIP model in transformers' layout.
  ///   - head: The safetensors file of what stands on it, as ``AestheticHead`` reads it.
  ///   - dtype: The type to compute the CLIP model in; the head is in float32.
  ///   - batchSize: Pictures that go through the network at once.
  /// - Throws: What ``CLIPModel/init(folder:device:dtype:)`` throws, and `ModelError` or `NNError`
  ///   where the head does not fit.
  public init(
    name: String = "aesthetic", folder: String, head: String, device: Device = .cpu,
    dtype: DType = .float32, batchSize: Int
  ) throws {
    precondition(batchSize > 0, "a batch of \(batchSize)")
    self.name = name
    self.batchSize = batchSize
    let clip = try CLIPModel(folder: folder, device: device, dtype: dtype)
    networks = Mutex(
      Networks(
        clip: clip,
        head: try AestheticHead(path: head, inputWidth: clip.projectionWidth, device: device)))
  }

  /// One score for each picture, mostly from 1 to 10.
  ///
  /// - Throws: `RewardError.promptCount`, and `TensorError` such as for want of memory.
  public func score(_ images: [Image], prompts: [String]) throws -> [Score] {
    try requirePromptEach(images, prompts)
    return try networks.withLock { networks in
      try withoutGradient {
        try images.batches(of: batchSize).flatMap { batch in
          let features = try networks.clip.embeddings(of: Array(images[batch]))
          return try networks.head(features).values(as: Double.self).scores
        }
      }
    }
  }
}
