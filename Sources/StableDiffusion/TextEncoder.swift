import CLIP
import Safetensors
import Torch
import TorchNN

// Shapes: B batch, L tokens, D features.

/// A tokenizer and the network that reads its tokens.
public struct TextEncoder {
  /// Text to token ids.
  public let tokenizer: CLIPTokenizer
  /// Token ids to features.
  public let model: CLIPTextModel
  /// The network's parameters.
  public let parameters: ParameterStore

  /// What the network makes of B texts.
  public func callAsFunction(_ texts: [String]) throws -> CLIPTextModel.Output {
    try model(texts.map { try tokenizer.encode($0) }, on: parameters.device)
  }
}

extension TextEncoder {
  /// Loads the network.
  init(
    tokenizer: CLIPTokenizer, _ configuration: CLIPTextConfiguration, files: [SafetensorsFile],
    device: Device, dtype: DType
  ) throws {
    self.tokenizer = tokenizer
    parameters = ParameterStore(.files(files), device: device, dtype: dtype)
    // transformers 5 leaves the prefix out.
    let hasPrefix = files.contains { $0.names.contains { $0.hasPrefix("text_model.") } }
    model = try CLIPTextModel(parameters.root, configuration, prefix: hasPrefix)
    // transformers once saved the positions 0, 1, 2...
    try parameters.finish(ignoring: ["position_ids"])
  }
}
