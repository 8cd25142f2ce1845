import Torch
import TorchNN

/// The architecture of a ``CLIPVisionModel``, as a CLIP model's config.json gives it.
///
/// - Source: transformers, models/clip/configuration_clip.py, CLIPVisionConfig.
public struct CLIPVisionConfiguration: Sendable, Equatable {
  /// The layers.
  public let encoder: CLIPEncoderConfiguration
  /// Rows and columns of an image.
  public let imageSide: Int
  /// Rows and columns of a patch, which is one token.
  public let patchSide: Int
  /// Features of a whole image, projected.
  public let projectionWidth: Int

  /// Reads the keys of an image encoder.
  init(_ json: JSONFile, projectionWidth: Int) throws(ModelError) {
    self.projectionWidth = projectionWidth
    encoder = try CLIPEncoderConfiguration(
      json,
      standard: CLIPEncoderConfiguration(
        hiddenWidth: 768, intermediateWidth: 3072, layerCount: 12, headCount: 12))
    imageSide = try json.int("image_size", default: 224)
    patchSide = try json.int("patch_size", default: 32)
    try json.require("num_channels", oneOf: ["3"])
    guard imageSide <= 4096, 1...imageSide ~= patchSide else {
      throw json.invalid(
        "image_size", expected: "from patch_size \(patchSide) to 4096", found: "\(imageSide)")
    }
  }

  /// Patches of an image, and one for the whole.
  var positionCount: Int { (imageSide / patchSide) * (imageSide / patchSide) + 1 }
}
