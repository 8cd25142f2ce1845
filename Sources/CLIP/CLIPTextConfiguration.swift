import Torch
import TorchNN

/// The architecture of a ``CLIPTextModel``, as its config.json gives it.
///
/// - Source: transformers, models/clip/configuration_clip.py, CLIPTextConfig.
public struct CLIPTextConfiguration: Sendable, Equatable {
  /// Number of token ids.
  public var vocabularyCount: Int
  /// Features of a token.
  public var hiddenWidth: Int
  /// Features inside the feed-forward layers.
  public var intermediateWidth: Int
  /// Number of transformer layers.
  public var layerCount: Int
  /// Attention heads of each layer.
  public var headCount: Int
  /// The longest sequence, in tokens.
  public var positionCount: Int
  /// The feed-forward layers' nonlinearity.
  public var activation: Activation
  /// Epsilon of the layer normalisation.
  public var normEpsilon: Double
  /// Features of a whole text, of a model that projects them; `nil` for one that does not.
  public var projectionWidth: Int?
  /// The token whose features stand for the whole text; `nil` for the one of the highest id.
  public var endToken: Int?

  /// An architecture with CLIP's own nonlinearity and epsilon.
  public init(
    vocabularyCount: Int, hiddenWidth: Int, intermediateWidth: Int, layerCount: Int,
    headCount: Int, positionCount: Int
  ) {
    self.vocabularyCount = vocabularyCount
    self.hiddenWidth = hiddenWidth
    self.intermediateWidth = intermediateWidth
    self.layerCount = layerCount
    self.headCount = headCount
    self.positionCount = positionCount
    activation = .quickGELU
    normEpsilon = 1e-5
    projectionWidth = nil
    endToken = nil
  }

  /// Reads a config.json.
  ///
  /// - Throws: ``ModelError`` naming the key that is missing, wrong or not supported.
  public init(contentsOf path: String) throws(ModelError) {
    let json = try JSONFile(path: path)
    vocabularyCount = try json.int("vocab_size", default: 49408)
    hiddenWidth = try json.int("hidden_size", default: 512)
    intermediateWidth = try json.int("intermediate_size", default: 2048)
    layerCount = try json.int("num_hidden_layers", default: 12)
    headCount = try json.int("num_attention_heads", default: 8)
    positionCount = try json.int("max_position_embeddings", default: 77)
    normEpsilon = try json.double("layer_norm_eps", default: 1e-5)
    let name = try json.string("hidden_act", default: Activation.quickGELU.rawValue)
    guard let activation = Activation(rawValue: name) else {
      throw .unsupported(
        path: path, key: "hidden_act", found: name, supported: "quick_gelu, gelu, silu")
    }
    self.activation = activation
    let architectures = json.contains("architectures") ? try json.strings("architectures") : []
    projectionWidth =
      architectures.contains(Self.projectingArchitecture)
      ? try json.int("projection_dim", default: 512) : nil
    // Files from before transformers knew the token say 2, and mean the token of the highest id.
    let endToken = try json.int("eos_token_id", default: 49407)
    self.endToken = endToken == Self.unknownEndToken ? nil : endToken
    guard headCount > 0, hiddenWidth > 0, hiddenWidth % headCount == 0 else {
      throw .invalid(
        path: path, key: "num_attention_heads",
        expected: "a divisor of hidden_size \(hiddenWidth)", found: "\(headCount)")
    }
  }

  /// The name of the network's class in transformers.
  public var architecture: String {
    projectionWidth == nil ? "CLIPTextModel" : Self.projectingArchitecture
  }

  /// The keys and values of config.json.
  public var json: [String: Any] {
    [
      "architectures": [architecture],
      "model_type": "clip_text_model",
      "vocab_size": vocabularyCount, "hidden_size": hiddenWidth,
      "intermediate_size": intermediateWidth, "num_hidden_layers": layerCount,
      "num_attention_heads": headCount, "max_position_embeddings": positionCount,
      "hidden_act": activation.rawValue, "layer_norm_eps": normEpsilon,
      "projection_dim": projectionWidth ?? hiddenWidth,
      "eos_token_id": endToken ?? Self.unknownEndToken,
    ]
  }

  private static let projectingArchitecture = "CLIPTextModelWithProjection"
  private static let unknownEndToken = 2
}
