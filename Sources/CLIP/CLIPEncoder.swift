import Torch
import TorchNN

// Shapes: B batch, L tokens or patches, D features, h attention heads.

/// The architecture of the transformer that both of CLIP's towers have.
public struct CLIPEncoderConfiguration: Sendable, Equatable {
  /// Features of a token.
  public var hiddenWidth: Int
  /// Features inside the feed-forward layers.
  public var intermediateWidth: Int
  /// Number of transformer layers.
  public var layerCount: Int
  /// Attention heads of each layer.
  public var headCount: Int
  /// The feed-forward layers' nonlinearity.
  public var activation = Activation.quickGELU
  /// Epsilon of the layer normalisation.
  public var normEpsilon = 1e-5

  /// An architecture with CLIP's own nonlinearity and epsilon.
  public init(hiddenWidth: Int, intermediateWidth: Int, layerCount: Int, headCount: Int) {
    self.hiddenWidth = hiddenWidth
    self.intermediateWidth = intermediateWidth
    self.layerCount = layerCount
    self.headCount = headCount
  }

  /// Reads the keys of a config.json; where one is absent, `standard` has its value.
  init(_ json: JSONFile, standard: CLIPEncoderConfiguration) throws(ModelError) {
    hiddenWidth = try json.int("hidden_size", default: standard.hiddenWidth)
    intermediateWidth = try json.int("intermediate_size", default: standard.intermediateWidth)
    layerCount = try json.int("num_hidden_layers", default: standard.layerCount)
    headCount = try json.int("num_attention_heads", default: standard.headCount)
    normEpsilon = try json.double("layer_norm_eps", default: standard.normEpsilon)
    try json.require("hidden_act", oneOf: ["quick_gelu", "gelu", "silu"])
    let name = try json.string("hidden_act", default: standard.activation.rawValue)
    activation = Activation(rawValue: name) ?? standard.activation
    guard headCount > 0, hiddenWidth > 0, hiddenWidth % headCount == 0 else {
      throw json.invalid(
        "num_attention_heads", expected: "a divisor of hidden_size \(hiddenWidth)",
        found: "\(headCount)")
    }
  }
}

/// Layers of attention and feed-forward networks, one after the other.
struct CLIPEncoder {
  let layers: [CLIPEncoderLayer]

  /// The network whose parameters are below `path`.
  ///
  /// - Parameter causal: Whether a token sees only those before it, and itself.
  init(_ path: ParameterPath, _ configuration: CLIPEncoderConfiguration, causal: Bool) throws {
    layers = try (0..<configuration.layerCount).map {
      try CLIPEncoderLayer(path / "layers" / $0, configuration, causal: causal)
    }
  }

  /// [B, L, D] to what goes into the last layer and what comes out of it.
  func callAsFunction(_ x: Tensor) throws -> (penultimate: Tensor, last: Tensor) {
    var (penultimate, h) = (x, x)
    for layer in layers {
      penultimate = h
      h = try layer(h)
    }
    return (penultimate, h)
  }
}

/// Self-attention and a feed-forward layer, each normalised first.
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
  let causal: Bool

  init(_ path: ParameterPath, _ configuration: CLIPEncoderConfiguration, causal: Bool) throws {
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
    self.causal = causal
  }

  /// [B, L, D] to the same shape.
  func callAsFunction(_ x: Tensor) throws -> Tensor {
    let normed = try layerNorm1(x)
    let attended = try heads(query(normed)).attention(
      key: heads(key(normed)), value: heads(value(normed)), causal: causal)
    let h = try x + out(attended.permuted([0, 2, 1, 3]).reshaped(x.shape))
    return try h + feedForwardOut(feedForwardIn(layerNorm2(h)).activated(activation))
  }

  /// [B, L, D] to [B, h, L, D / h].
  private func heads(_ x: Tensor) throws -> Tensor {
    let (batch, length, width) = (x.shape[0], x.shape[1], x.shape[2])
    return try x.reshaped([batch, length, headCount, width / headCount]).permuted([0, 2, 1, 3])
  }
}
