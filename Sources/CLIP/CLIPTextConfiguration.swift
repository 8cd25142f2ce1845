import Torch
import TorchNN

/// The architecture of a ``CLIPTextModel``, as its config.json gives it.
///
/// - Source: transformers, models/clip/configuration_clip.py, CLIPTextConfig.
public struct CLIPTextConfiguration: Sendable, Equatable {
  /// Number of token ids.
  public var vocabularyCount: Int
  /// The layers.
  public var encoder: CLIPEncoderConfiguration
  /// The longest sequence, in tokens.
  public var positionCount: Int
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
    encoder = CLIPEncoderConfiguration(
      hiddenWidth: hiddenWidth, intermediateWidth: intermediateWidth, layerCount: layerCount,
      headCount: headCount)
    self.positionCount = positionCount
    projectionWidth = nil
    endToken = nil
  }

  /// Reads the config.json of a text encoder.
  ///
  /// - Throws: ``ModelError`` naming the key that is missing, wrong or not supported.
  public init(contentsOf path: String) throws(ModelError) {
    let json = try JSONFile(path: path)
    let architectures = json.contains("architectures") ? try json.strings("architectures") : []
    try self.init(
      json,
      projectionWidth: architectures.contains(Self.projectingArchitecture)
        ? try json.int("projection_dim", default: 512) : nil)
  }

  /// Reads the keys of a text encoder.
  init(_ json: JSONFile, projectionWidth: Int?) throws(ModelError) {
    self.projectionWidth = projectionWidth
    encoder = try CLIPEncoderConfiguration(
      json,
      standard: CLIPEncoderConfiguration(
        hiddenWidth: 512, intermediateWidth: 2048, layerCount: 12, headCount: 8))
    vocabularyCount = try json.int("vocab_size", default: 49408)
    positionCount = try json.int("max_position_embeddings", default: 77)
    // Files from before transformers knew the token say 2, and mean the token of the highest id.
    let endToken = try json.int("eos_token_id", default: 49407)
    self.endToken = endToken == Self.unknownEndToken ? nil : endToken
  }

  /// Refuses a tokenizer with more ids or longer texts than the network takes.
  ///
  /// - Parameter path: The config.json, to be named in the error.
  public func require(fitting tokenizer: CLIPTokenizer, path: String) throws(ModelError) {
    for (key, found, needed) in [
      ("vocab_size", vocabularyCount, tokenizer.vocabularyCount),
      ("max_position_embeddings", positionCount, tokenizer.modelMaxLength),
    ] where found < needed {
      throw .invalid(
        path: path, key: key, expected: "the tokenizer's \(needed) or more", found: "\(found)")
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
      "vocab_size": vocabularyCount, "hidden_size": encoder.hiddenWidth,
      "intermediate_size": encoder.intermediateWidth, "num_hidden_layers": encoder.layerCount,
      "num_attention_heads": encoder.headCount, "max_position_embeddings": positionCount,
      "hidden_act": encoder.activation.rawValue, "layer_norm_eps": encoder.normEpsilon,
      "projection_dim": projectionWidth ?? encoder.hiddenWidth,
      "eos_token_id": endToken ?? Self.unknownEndToken,
    ]
  }

  private static let projectingArchitecture = "CLIPTextModelWithProjection"
  private static let unknownEndToken = 2
}
