import CLIP
import Foundation
import TorchNN

extension StableDiffusionModel {
  /// Writes the model to `folder` in diffusers' layout.
  ///
  /// - Throws: ``ModelError`` or a file's error; the folder may then be incomplete.
  public func save(to folder: String) throws {
    let layout = ModelFolder(path: folder)
    var index: [String: Any] = [
      "_class_name": "StableDiffusionPipeline", "_diffusers_version": "0.42.1",
      "unet": ["diffusers", "UNet2DConditionModel"], "vae": ["diffusers", "AutoencoderKL"],
      "scheduler": ["diffusers", scheduler.kind.rawValue], "feature_extractor": Self.noPart,
    ]
    var networks: [(ModelFolder.Network, [String: Any], ParameterStore)] = [
      (.unet, unet.configuration.json, unetParameters),
      (.vae, autoencoder.configuration.json, autoencoderParameters),
    ]
    for (network, text) in zip(ModelFolder.Network.textEncoders, textEncoders) {
      networks.append((network, text.model.configuration.json, text.parameters))
      let tokenizer = URL(filePath: layout.tokenizer(of: network))
      try layout.createFolder(tokenizer.path)
      try text.tokenizer.write(to: tokenizer)
      index[tokenizer.lastPathComponent] = ["transformers", "CLIPTokenizer"]
      index[network.rawValue] = ["transformers", text.model.configuration.architecture]
    }
    if textEncoders.count > 1 {
      index["_class_name"] = "StableDiffusionXLPipeline"
      index["image_encoder"] = Self.noPart
      index["force_zeros_for_empty_prompt"] = emptyIsZero
    } else {
      index["safety_checker"] = Self.noPart
      index["requires_safety_checker"] = false
    }

    for (network, json, parameters) in networks {
      let configuration = layout.configuration(of: network)
      try layout.createFolder((configuration as NSString).deletingLastPathComponent)
      try layout.write(json, to: configuration)
      try parameters.parameters.write(to: URL(filePath: layout.weights(of: network)))
    }
    let schedulerFile = layout.schedulerConfiguration
    try layout.createFolder((schedulerFile as NSString).deletingLastPathComponent)
    try scheduler.json().write(to: URL(filePath: schedulerFile))
    try layout.write(index, to: layout.index)
  }

  /// How diffusers writes that a pipeline lacks a part.
  private static var noPart: [Any] { [NSNull(), NSNull()] }
}
