import Torch
import TorchNN

// Shapes: B batch, L tokens, D features, h attention heads.

/// Turns token ids into features, each token seeing those before it.
///
/// - Source: transformers, models/clip/modeling_clip.py, CLIPTextTransformer.
public struct CLIPTextModel {
  /// The architecture.
  public let configuration: CLIPTextConfiguration
  let tokenEmbedding: Embedding
  let positionEmbedding: Embedding
  let layers: [CLIPEncoderLayer]
  let finalLayerNorm: LayerNorm

  /// The network whose parameters are at `path`, the place that files call `text_model`.
  public init(_ path: ParameterPath, _ configuration: CLIPTextConfiguration) throws {
    self.configuration = configuration
    let (width, embeddings) = (configuration.hiddenWidth, path / "embeddings")
    tokenEmbedding = try Embedding(
      embeddings / "token_embedding", count: configuration.vocabularyCount, width: width)
    positionEmbedding = try Embedding(
      embeddings / "position_embedding", count: configuration.positionCount, width: width)
    layers = try (0..<configuration.layerCount).map {
      try CLIPEncoderLayer(path / "encoder" / "layers" / $0, configuration)
    }
    finalLayerNorm = try LayerNorm(
      path / "final_layer_norm", width: width, eps: configuration.normEpsilon)
  }

  /// Token ids, `B` rows of `L`, to the last hidden states [B, L, D] after the final normalisation.
  public func callAsFunction(_ tokens: [[Int]], on device: Device = .cpu) throws -> Tensor {
    let length = tokens.first?.count ?? 0
    guard length <= configuration.positionCount, tokens.allSatisfy({ $0.count == length }) else {
      throw ModelError.wrongInput(
        "the text encoder takes rows of equal length up to \(configuration.positionCount) tokens, "
          + "got \(Set(tokens.map(\.count)).sorted()); do tokenizer and text_encoder belong together?"
      )
    }
    let ids = try Tensor(tokens.flatMap { $0.map(Int64.init) }, shape: [tokens.count, length])
    let positions = try Tensor((0..<length).map(Int64.init), shape: [length])
    var h = try tokenEmbedding(ids.to(device)) + positionEmbedding(positions.to(device))
    for layer in layers { h = try layer(h) }
    return try finalLayerNorm(h)
  }
}

/// Causal self-attention and a feed-forward layer, each normalised first.
///
/// - Source: transformers, models/clip/modeling_clip.py, CLIPEncoderLayer.
struct CLIPEncoderLayer {
  let layerNorm1: LayerNorm
  let query: Linear
  let key: Linear
  let value: Linear
  let out: Linear
  let layerNorm2: LayerNorm
  let feedForwardIn: Linear
  let feedForwardOut: Linear
  let headCount: Int
  let activation: Activation

  init(_ path: ParameterPath, _ configuration: CLIPTextConfiguration) throws {
    let (width, eps) = (configuration.hiddenWidth, configuration.normEpsilon)
    let attention = path / "self_attn"
    layerNorm1 = try LayerNorm(path / "layer_norm1", width: width, eps: eps)
    query = try Linear(attention / "q_proj", in: width, out: width)
    key = try Linear(attention / "k_proj", in: width, out: width)
    value = try Linear(attention / "v_proj", in: width, out: width)
    out = try Linear(attention / "out_proj", in: width, out: width)
    layerNorm2 = try LayerNorm(path / "layer_norm2", width: width, eps: eps)
    let inner = configuration.intermediateWidth
    feedForwardIn = try Linear(path / "mlp" / "fc1", in: width, out: inner)
    feedForwardOut = try Linear(path / "mlp" / "fc2", in: inner, out: width)
    headCount = configuration.headCount
    activation = configuration.activation
  }

  /// [B, L, D] to the same shape.
  func callAsFunction(_ x: Tensor) throws -> Tensor {
    let normed = try layerNorm1(x)
    let attended = try heads(query(normed)).attention(
      key: heads(key(normed)), value: heads(value(normed)), causal: true)
    let h = try x + out(attended.permuted([0, 2, 1, 3]).reshaped(x.shape))
    return try h + feedForwardOut(feedForwardIn(layerNorm2(h)).activated(activation))
  }

  /// [B, L, D] to [B, h, L, D / h].
  private func heads(_ x: Tensor) throws -> Tensor {
    let (batch, length, width) = (x.shape[0], x.shape[1], x.shape[2])
    return try x.reshaped([batch, length, headCount, width / headCount]).permuted([0, 2, 1, 3])
  }
}
