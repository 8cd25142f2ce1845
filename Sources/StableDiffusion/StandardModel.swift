import CLIP
import Diffusion
import Torch
import TorchNN

/// The architectures of well-known models, to measure with where their weights are not at hand.
///
/// - Source: The config.json files of the published models.
public enum StandardModel: String, CaseIterable, Sendable {
  /// Stable Diffusion 1.5: images of 512 by 512.
  case sd15 = "sd-1.5"
  /// Stable Diffusion XL: images of 1024 by 1024.
  case sdxl

  /// Tokens of a text.
  public static let tokenCount = 77

  var unet: UNetConfiguration {
    switch self {
    case .sd15:
      return UNetConfiguration(
        sampleSize: 64, channels: 4, blockOutChannels: [320, 640, 1280, 1280],
        hasAttention: [true, true, true, false], layersPerBlock: 2, crossAttentionWidth: 768,
        headCounts: [8, 8, 8, 8], normGroupCount: 32)
    case .sdxl:
      var unet = UNetConfiguration(
        sampleSize: 128, channels: 4, blockOutChannels: [320, 640, 1280],
        hasAttention: [false, true, true], layersPerBlock: 2, crossAttentionWidth: 2048,
        headCounts: [5, 10, 20], normGroupCount: 32)
      unet.transformerLayerCounts = [1, 2, 10]
      unet.usesLinearProjection = true
      unet.addition = UNetConfiguration.Addition(sizeWidth: 256, pooledWidth: 1280)
      return unet
    }
  }

  var autoencoder: AutoencoderConfiguration {
    AutoencoderConfiguration(
      sampleSize: 8 * unet.sampleSize, blockOutChannels: [128, 256, 512, 512], layersPerBlock: 2,
      latentChannels: 4, normGroupCount: 32, scalingFactor: self == .sdxl ? 0.13025 : 0.18215,
      hasMidAttention: true)
  }

  var texts: [CLIPTextConfiguration] {
    let vocabularyCount = 49_408
    let first = CLIPTextConfiguration(
      vocabularyCount: vocabularyCount, hiddenWidth: 768, intermediateWidth: 3072, layerCount: 12,
      headCount: 12, positionCount: Self.tokenCount)
    guard self == .sdxl else { return [first] }
    var second = CLIPTextConfiguration(
      vocabularyCount: vocabularyCount, hiddenWidth: 1280, intermediateWidth: 5120, layerCount: 32,
      headCount: 20, positionCount: Self.tokenCount)
    second.encoder.activation = .gelu
    second.projectionWidth = 1280
    return [first, second]
  }
}

extension StableDiffusionModel {
  /// A well-known model with random weights.
  ///
  /// - Parameters:
  ///   - tokenizer: Of texts of ``StandardModel/tokenCount`` tokens.
  ///   - seed: Where the weights start.
  ///   - dtype: As for a folder's.
  ///   - lora: As for a folder's.
  public convenience init(
    _ standard: StandardModel, tokenizer: CLIPTokenizer, seed: UInt64, device: Device,
    dtype: DType = .float32, lora: LoRAConfiguration? = nil
  ) throws {
    try self.init(
      tokenizer: tokenizer, texts: standard.texts, unet: standard.unet,
      autoencoder: standard.autoencoder, scheduler: SchedulerConfiguration(), seed: seed,
      device: device, dtype: dtype, lora: lora)
  }
}
