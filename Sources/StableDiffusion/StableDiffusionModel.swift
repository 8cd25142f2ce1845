import CLIP
import Diffusion
import Foundation
import Safetensors
import Torch
import TorchNN

// Shapes: B batch, C latent channels, H W rows and columns of the image, h w those of the latents,
// L D context length and features.

extension UNet2DConditionModel: NoisePredictor {}

/// A text-to-image diffusion model: tokenizer, text encoder, UNet, autoencoder and noise schedule.
public final class StableDiffusionModel {
  /// Text to token ids.
  public let tokenizer: CLIPTokenizer
  /// Token ids to the UNet's context.
  public let textEncoder: CLIPTextModel
  /// The noise predictor.
  public let unet: UNet2DConditionModel
  /// Latents to images and back.
  public private(set) var autoencoder: AutoencoderKL
  /// The noise schedule.
  public let scheduler: SchedulerConfiguration
  /// The text encoder's parameters.
  public let textEncoderParameters: ParameterStore
  /// The UNet's parameters.
  public let unetParameters: ParameterStore
  /// The autoencoder's parameters.
  public let autoencoderParameters: ParameterStore
  /// Where the networks compute.
  public let device: Device

  /// Channels, rows and columns of the latents.
  public var latentShape: [Int] {
    let side = unet.configuration.sampleSize
    return [unet.configuration.inChannels, side, side]
  }

  /// Rows and columns of the images.
  public var imageSide: Int {
    unet.configuration.sampleSize * autoencoder.configuration.downsamplingFactor
  }

  /// Loads a folder in diffusers' layout.
  ///
  /// - Parameters:
  ///   - folder: Holds `unet`, `vae`, `text_encoder`, `tokenizer` and `scheduler`.
  ///   - lora: Adapters for the UNet; `nil` leaves it as it is.
  ///   - loraSeed: Where the adapters start.
  /// - Throws: ``ModelError``, ``NNError``, or the error of the file that does not fit.
  public init(
    folder: String, device: Device = .cpu, lora: LoRAConfiguration? = nil, loraSeed: UInt64 = 0
  ) throws {
    self.device = device
    let layout = ModelFolder(path: folder)
    try layout.requireParts()

    tokenizer = try CLIPTokenizer(folder: URL(filePath: layout.tokenizer))
    scheduler = try SchedulerConfiguration(json: layout.contents(of: layout.schedulerConfiguration))
    let textConfiguration = try CLIPTextConfiguration(contentsOf: layout.textEncoderConfiguration)
    let unetConfiguration = try UNetConfiguration(contentsOf: layout.unetConfiguration)
    let autoencoderConfiguration = try AutoencoderConfiguration(
      contentsOf: layout.autoencoderConfiguration)
    try Self.checkFit(
      layout, tokenizer, textConfiguration, unetConfiguration, autoencoderConfiguration)

    let textFile = try SafetensorsFile(URL(filePath: layout.textEncoderWeights))
    textEncoderParameters = ParameterStore(.files([textFile]), device: device)
    // transformers 5 leaves the prefix out.
    let root = textEncoderParameters.root
    let hasPrefix = textFile.names.contains { $0.hasPrefix("text_model.") }
    textEncoder = try CLIPTextModel(hasPrefix ? root / "text_model" : root, textConfiguration)
    try textEncoderParameters.finish()

    let unetFile = try SafetensorsFile(URL(filePath: layout.unetWeights))
    unetParameters = ParameterStore(
      .files([unetFile]), device: device, lora: lora, loraSeed: loraSeed)
    unet = try UNet2DConditionModel(unetParameters.root, unetConfiguration)
    try unetParameters.finish()

    let autoencoderFile = try SafetensorsFile(URL(filePath: layout.autoencoderWeights))
    autoencoderParameters = ParameterStore(.files([autoencoderFile]), device: device)
    autoencoder = try AutoencoderKL(autoencoderParameters.root, autoencoderConfiguration)
    try autoencoderParameters.finish()
  }

  /// A model with new random weights.
  ///
  /// - Parameter seed: Where the weights start.
  public init(
    tokenizer: CLIPTokenizer, text: CLIPTextConfiguration, unet: UNetConfiguration,
    autoencoder: AutoencoderConfiguration, scheduler: SchedulerConfiguration, seed: UInt64,
    device: Device
  ) throws {
    self.device = device
    self.tokenizer = tokenizer
    self.scheduler = scheduler
    textEncoderParameters = ParameterStore(.random(seed: seed), device: device)
    textEncoder = try CLIPTextModel(textEncoderParameters.root / "text_model", text)
    unetParameters = ParameterStore(.random(seed: seed &+ 1), device: device)
    self.unet = try UNet2DConditionModel(unetParameters.root, unet)
    autoencoderParameters = ParameterStore(.random(seed: seed &+ 2), device: device)
    self.autoencoder = try AutoencoderKL(autoencoderParameters.root, autoencoder)
  }

  private static func checkFit(
    _ layout: ModelFolder, _ tokenizer: CLIPTokenizer, _ text: CLIPTextConfiguration,
    _ unet: UNetConfiguration, _ autoencoder: AutoencoderConfiguration
  ) throws(ModelError) {
    for (key, found, needed) in [
      ("vocab_size", text.vocabularyCount, tokenizer.vocabularyCount),
      ("max_position_embeddings", text.positionCount, tokenizer.modelMaxLength),
    ] where found < needed {
      throw .invalid(
        path: layout.textEncoderConfiguration, key: key,
        expected: "the tokenizer's \(needed) or more", found: "\(found)")
    }
    guard unet.crossAttentionWidth == text.hiddenWidth else {
      throw .invalid(
        path: layout.unetConfiguration, key: "cross_attention_dim",
        expected: "the text encoder's hidden_size \(text.hiddenWidth)",
        found: "\(unet.crossAttentionWidth)")
    }
    guard unet.inChannels == autoencoder.latentChannels, unet.outChannels == unet.inChannels else {
      throw .invalid(
        path: layout.unetConfiguration, key: "in_channels",
        expected: "and out_channels the autoencoder's latent_channels "
          + "\(autoencoder.latentChannels)", found: "\(unet.inChannels)")
    }
  }

  /// The context [B, L, D] of the prompts.
  public func encode(prompts: [String]) throws -> Tensor {
    try textEncoder(prompts.map { try tokenizer.encode($0) }, on: device)
  }

  /// Latents [B, C, h, w] as the sampler leaves them to images [B, H, W, 3], uint8 on the CPU.
  public func decode(_ latents: Tensor) throws -> Tensor {
    let scale = 1 / autoencoder.configuration.scalingFactor
    let images = try autoencoder.decode(latents.to(dtype: .float32) * scale)
    let levels = try (images * 127.5 + 127.5).clamped(to: 0...255) + 0.5
    return try levels.permuted([0, 2, 3, 1]).to(.cpu, dtype: .uint8)
  }

  /// Sets the factor that brings latents to a deviation of about 1.
  public func setLatentScale(_ factor: Double) {
    autoencoder.configuration.scalingFactor = factor
  }

  /// A second UNet with copies of the present weights, adapters among them.
  public func copyOfUNet() throws -> UNet2DConditionModel {
    let store = ParameterStore(copying: unetParameters)
    return try UNet2DConditionModel(store.root, unet.configuration)
  }
}
