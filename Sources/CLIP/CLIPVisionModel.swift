import Torch
import TorchNN

// Shapes: B batch, S image side, N patches of an image, D features, P projected features.

/// Turns images into features: a vision transformer.
///
/// - Source: transformers, models/clip/modeling_clip.py, CLIPVisionModel and the
///   `visual_projection` of CLIPModel.
public struct CLIPVisionModel {
  /// The architecture.
  public let configuration: CLIPVisionConfiguration
  let classEmbedding: Tensor
  let patchEmbedding: Conv2d
  let positionEmbedding: Embedding
  let preLayerNorm: LayerNorm
  let encoder: CLIPEncoder
  let postLayerNorm: LayerNorm
  let projection: Linear

  /// The network whose parameters are below `vision_model` of `root`, beside `visual_projection`.
  public init(_ root: ParameterPath, _ configuration: CLIPVisionConfiguration) throws {
    self.configuration = configuration
    let (width, eps) = (configuration.encoder.hiddenWidth, configuration.encoder.normEpsilon)
    let path = root / "vision_model"
    let embeddings = path / "embeddings"
    classEmbedding = try embeddings.parameter(
      "class_embedding", shape: [width],
      .normal(standardDeviation: 1 / Double(width).squareRoot()))
    patchEmbedding = try Conv2d(
      embeddings / "patch_embedding", in: 3, out: width, kernel: configuration.patchSide,
      stride: configuration.patchSide, padding: 0, bias: false)
    positionEmbedding = try Embedding(
      embeddings / "position_embedding", count: configuration.positionCount, width: width)
    // transformers spells it like this.
    preLayerNorm = try LayerNorm(path / "pre_layrnorm", width: width, eps: eps)
    encoder = try CLIPEncoder(path / "encoder", configuration.encoder, causal: false)
    postLayerNorm = try LayerNorm(path / "post_layernorm", width: width, eps: eps)
    projection = try Linear(
      root / "visual_projection", in: width, out: configuration.projectionWidth, bias: false)
  }

  /// Normalised images [B, 3, S, S] to the features of each, projected: [B, P].
  public func callAsFunction(_ pixels: Tensor) throws -> Tensor {
    let (shape, side) = (pixels.shape, configuration.imageSide)
    guard shape.count == 4, shape.dropFirst() == [3, side, side] else {
      throw ModelError.wrongInput(
        "the image encoder takes images [B, 3, \(side), \(side)], got \(shape)")
    }
    let width = configuration.encoder.hiddenWidth
    let patches = try patchEmbedding(pixels.to(dtype: patchEmbedding.dtype))
      .reshaped([shape[0], width, configuration.positionCount - 1]).permuted([0, 2, 1])
    let wholes = try classEmbedding.expanded([shape[0], 1, width])
    let embedded = try Tensor.concatenated([wholes, patches], axis: 1) + positionEmbedding.all
    let features = try encoder(preLayerNorm(embedded)).last
    let whole = try features.narrowed(axis: 1, 0..<1).reshaped([shape[0], width])
    return try projection(postLayerNorm(whole))
  }
}
