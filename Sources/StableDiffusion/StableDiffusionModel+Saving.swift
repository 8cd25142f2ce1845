import CLIP
import Foundation
import TorchNN

extension StableDiffusionModel {
  /// Writes the model to `folder` in diffusers' layout.
  ///
  /// - Throws: ``ModelError`` or a file's error; the folder may then be incomplete.
  public func save(to folder: String) throws {
    let layout = ModelFolder(path: folder)
    try layout.createParts()
    try tokenizer.write(to: URL(filePath: layout.tokenizer))
    try scheduler.json().write(to: URL(filePath: layout.schedulerConfiguration))
    try layout.write(textEncoder.configuration.json, to: layout.textEncoderConfiguration)
    try layout.write(unet.configuration.json, to: layout.unetConfiguration)
    try layout.write(autoencoder.configuration.json, to: layout.autoencoderConfiguration)
    try textEncoderParameters.parameters.write(to: URL(filePath: layout.textEncoderWeights))
    try unetParameters.parameters.write(to: URL(filePath: layout.unetWeights))
    try autoencoderParameters.parameters.write(to: URL(filePath: layout.autoencoderWeights))
    try layout.write(
      [
        "_class_name": "StableDiffusionPipeline", "_diffusers_version": "0.42.1",
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "unet": ["diffusers", "UNet2DConditionModel"], "vae": ["diffusers", "AutoencoderKL"],
        "scheduler": ["diffusers", "DDIMScheduler"], "safety_checker": [NSNull(), NSNull()],
        "feature_extractor": [NSNull(), NSNull()], "requires_safety_checker": false,
      ], to: layout.index)
  }
}

extension ModelFolder {
  fileprivate func createParts() throws(ModelError) {
    for part in Self.parts {
      do {
        try FileManager.default.createDirectory(
          atPath: "\(path)/\(part)", withIntermediateDirectories: true)
      } catch {
        throw .unreadable(path: "\(path)/\(part)", reason: error.localizedDescription)
      }
    }
  }

  fileprivate func write(_ object: [String: Any], to file: String) throws {
    let data = try JSONSerialization.data(
      withJSONObject: object, options: [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes])
    try data.write(to: URL(filePath: file))
  }
}
