import CLIP
import Images
import Synchronization
import Torch

// Shapes: B pictures, P features of a picture or a text.

/// How well pictures fit their prompts: the cosine between what a CLIP model makes of either.
///
/// The three differ in the weights they are meant for, and in how these were trained:
///
/// * `clip-score`: any CLIP model. The plain cosine, not cut off at 0, on the scale of the other two;
///   torchmetrics' CLIPScore is 100 times as large, and 0 where this is negative.
/// * `pickscore`: yuvalkirstain/PickScore_v1. The model's own score exp(logit_scale) cos, which is
///   about 21, divided by 100: the scale of the figures in PRDP's paper, such as .2092.
/// * `hpsv2`: HPS v2 and v2.1, in transformers' layout (`scripts/convert_reward.py`). The cosine, and
///   the preparation of pictures of ``HPSv2ImageProcessor``.
///
/// - Source: Kirstain et al., arXiv 2305.01569, and the model card of PickScore_v1; Wu et al., arXiv
///   2306.09341, and hpsv2 1.2.0, img_score.py.
public final class CLIPSimilarityReward: Reward {
  /// Which weights the folder holds.
  public enum Kind: String, Sendable, CaseIterable {
    case clipScore = "clip-score"
    case pickScore = "pickscore"
    case hpsv2
  }

  /// Which weights the folder holds.
  public let kind: Kind
  /// What it is called in metrics.
  public let name: String
  private let tokenizer: CLIPTokenizer
  private let batchSize: Int
  private let model: Mutex<CLIPModel>

  /// Loads the model.
  ///
  /// - Parameters:
  ///   - name: What it is called in metrics; the kind by default.
  ///   - folder: A CLIP model in transformers' layout.
  ///   - dtype: The type to compute in; the cosine is in float32.
  ///   - batchSize: Pictures, and texts, that go through the network at once.
  /// - Throws: What ``CLIPModel/init(folder:device:dtype:)`` throws.
  public init(
    _ kind: Kind, name: String? = nil, folder: String, device: Device = .cpu,
    dtype: DType = .float32, batchSize: Int
  ) throws {
    precondition(batchSize > 0, "a batch of \(batchSize)")
    self.kind = kind
    self.name = name ?? kind.rawValue
    self.batchSize = batchSize
    let model = try CLIPModel(folder: folder, device: device, dtype: dtype)
    tokenizer = model.tokenizer
    self.model = Mutex(model)
  }

  /// Refuses a prompt that is longer than any.
  ///
  /// - Throws: `CLIPError.textTooLong`.
  public func check(prompt: String) throws { _ = try tokenizer.encode(prompt) }

  /// One score for each picture; each prompt is encoded once, however many pictures it has.
  ///
  /// - Throws: `RewardError.promptCount`, and `TensorError` such as for want of memory.
  public func score(_ images: [Image], prompts: [String]) throws -> [Score] {
    try requirePromptEach(images, prompts)
    guard !images.isEmpty else { return [] }
    return try model.withLock { model in
      try withoutGradient {
        let (texts, rows) = Self.distinct(prompts)
        let textFeatures = try Tensor.concatenated(
          texts.batches(of: batchSize).map { try model.embeddings(of: Array(texts[$0])) })
        let scale = kind == .pickScore ? model.cosineScale / 100 : 1
        return try images.batches(of: batchSize).flatMap { batch in
          let features = try Self.features(of: Array(images[batch]), kind, model)
          let cosines = try (features * textFeatures.selecting(Array(rows[batch]))).sum(axes: [1])
          return try cosines.values(as: Double.self).map { scale * $0 }.scores
        }
      }
    }
  }

  /// Unit vectors of pictures, [B, P].
  private static func features(
    of images: [Image], _ kind: Kind, _ model: CLIPModel
  ) throws -> Tensor {
    guard kind == .hpsv2 else { return try model.embeddings(of: images) }
    let processor = HPSv2ImageProcessor(
      side: model.vision.configuration.imageSide, mean: model.imageProcessor.mean,
      standardDeviation: model.imageProcessor.standardDeviation)
    return try model.embeddings(ofPixels: processor.pixels(of: images))
  }

  /// Each text once, and for each of those given its place among them.
  private static func distinct(_ texts: [String]) -> ([String], [Int]) {
    var (places, distinct): ([String: Int], [String]) = ([:], [])
    let rows = texts.map { text in
      if let place = places[text] { return place }
      places[text] = distinct.count
      distinct.append(text)
      return distinct.count - 1
    }
    return (distinct, rows)
  }
}
