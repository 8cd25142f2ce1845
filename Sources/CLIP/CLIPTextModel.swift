import Torch
import TorchNN

// Shapes: B batch, L tokens, D features, P features of a whole text.

/// Turns token ids into features, each token seeing those before it.
///
/// - Source: transformers, models/clip/modeling_clip.py, CLIPTextModel and
///   CLIPTextModelWithProjection.
public struct CLIPTextModel {
  /// The architecture.
  public let configuration: CLIPTextConfiguration
  let tokenEmbedding: Embedding
  let positionEmbedding: Embedding
  let encoder: CLIPEncoder
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
    let (width, embeddings) = (configuration.encoder.hiddenWidth, path / "embeddings")
    tokenEmbedding = try Embedding(
      embeddings / "token_embedding", count: configuration.vocabularyCount, width: width)
    positionEmbedding = try Embedding(
      embeddings / "position_embedding", count: configuration.positionCount, width: width)
    encoder = try CLIPEncoder(path / "encoder", configuration.encoder, causal: true)
    finalLayerNorm = try LayerNorm(
      path / "final_layer_norm", width: width, eps: configuration.encoder.normEpsilon)
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
    let h = try encoder(
      tokenEmbedding(ids.to(device)) + positionEmbedding(positions.to(device)))
    let last = try finalLayerNorm(h.last)
    return Output(last: last, penultimate: h.penultimate, pooled: try pooled(last, tokens))
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
