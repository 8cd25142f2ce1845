import Torch
import TorchNN

// Shapes: B batch, L tokens, D features, P features of a whole text, h attention heads.

/// Turns token ids into features, each token seeing those before it.
///
/// - Source: transformers, models/clip/modeling_clip.py, CLIPTextModel and
///   CLIPTextModelWithProjection.
public struct CLIPTextModel {
  /// The architecture.
  public let configuration: CLIPTextConfiguration
  let tokenEmbedding: Embedding
  let positionEmbedding: Embedding
  let layers: [CLIPEncoderLayer]
  let finalLayerNorm: LayerNorm
  let projection: Linear?

  /// What the network makes of a batch of texts.
  public struct Output {
    /// After the final normalisation: [B, L, D].
    public let last: Tensor
    /// What went into the last layer, not normalised: [B, L, D].
    public let penultimate: Tensor
    /// Features of the whole text at its end token, projected [B, P]; `nil` without projection.
    public let pooled: Tensor?
  }

  /// The network whose parameters are below `root`.
  ///
  /// - Parameter prefix: Whether all but the projection is below `text_model`, as always but in
  ///   files of CLIPTextModel that transformers 5 wrote.
  public init(_ root: ParameterPath, _ configuration: CLIPTextConfiguration, prefix: Bool = true)
    throws
  {
    self.configuration = configuration
    let path = prefix ? root / "text_model" : root
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
    projection = try configuration.projectionWidth.map {
      try Linear(root / "text_projection", in: width, out: $0, bias: false)
    }
  }

  /// The features of token ids, `B` rows of `L`.
  public func callAsFunction(_ tokens: [[Int]], on device: Device = .cpu) throws -> Output {
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
    var penultimate = h
    for layer in layers {
      penultimate = h
      h = try layer(h)
    }
    let last = try finalLayerNorm(h)
    return Output(last: last, penultimate: penultimate, pooled: try pooled(last, tokens))
  }

  /// [B, L, D] to [B, P].
  private func pooled(_ last: Tensor, _ tokens: [[Int]]) throws -> Tensor? {
    guard let projection else { return nil }
    let length = last.shape[1]
    let ends = tokens.enumerated().map { $0 * length + endIndex(of: $1) }
    return try projection(last.reshaped([-1, last.shape[2]]).selecting(ends))
  }

  private func endIndex(of tokens: [Int]) -> Int {
    guard let end = configuration.endToken else {
      return tokens.indices.max { (tokens[$0], -$0) < (tokens[$1], -$1) } ?? 0
    }
    return tokens.firstIndex(of: end) ?? 0
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
