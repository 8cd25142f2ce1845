import CLIP
import Diffusion
import Foundation
import Safetensors
import Torch
import TorchNN

// Shapes: B batch, C latent channels, H W rows and columns of the image, h w those of the latents,
// L D context length and features.

/// A text-to-image diffusion model of Stable Diffusion's kind, 1.x, 2.x or XL: text encoders, UNet,
/// autoencoder and noise schedule.
public final class StableDiffusionModel {
  /// One, or the two of Stable Diffusion XL.
  public let textEncoders: [TextEncoder]
  /// The noise predictor.
  public var unet: UNet2DConditionModel
  /// Latents to images and back.
  public private(set) var autoencoder: AutoencoderKL
  /// The noise schedule.
  public let scheduler: SchedulerConfiguration
  /// The UNet's parameters.
  public let unetParameters: ParameterStore
  /// The autoencoder's parameters.
  public let autoencoderParameters: ParameterStore
  /// Where the networks compute.
  public let device: Device
  /// How many texts have been encoded so far.
  public private(set) var encodedPromptCount = 0
  /// Whether the empty prompt counts as nothing at all: its context is zeros.
  let emptyIsZero: Bool

  /// Channels, rows and columns of the latents.
  public var latentShape: [Int] {
    let side = unet.configuration.sampleSize
    return [unet.configuration.inChannels, side, side]
  }

  /// Rows and columns of the images.
  public var imageSide: Int {
    unet.configuration.sampleSize * autoencoder.configuration.downsamplingFactor
  }

  /// The parameters of each network.
  public var stores: [(network: ModelFolder.Network, parameters: ParameterStore)] {
    [(.unet, unetParameters), (.vae, autoencoderParameters)]
      + Array(zip(ModelFolder.Network.textEncoders, textEncoders.map(\.parameters)))
  }

  /// Bytes of all networks' weights, adapters aside.
  public var weightByteCount: Int {
    stores.flatMap(\.parameters.parameters)
      .reduce(0) { $0 + $1.tensor.count * $1.tensor.dtype.byteCount }
  }

  /// Loads a folder in diffusers' layout.
  ///
  /// Weights that already are of `dtype` and for the CPU stay in the files' memory maps: they must
  /// not be changed while the model lives.
  ///
  /// - Parameters:
  ///   - folder: Holds `unet`, `vae`, `text_encoder`, `tokenizer` and `scheduler`, and for XL
  ///     `text_encoder_2` and `tokenizer_2`.
  ///   - dtype: Of the weights of UNet and text encoders; the autoencoder is in float32, since those
  ///     of Stable Diffusion overflow in float16.
  ///   - lora: Adapters for the UNet, in float32; `nil` leaves it as it is.
  ///   - loraSeed: Where the adapters start.
  /// - Throws: ``ModelError``, ``NNError``, or the error of the file that does not fit.
  public init(
    _ folder: ModelFolder, device: Device = .cpu, dtype: DType = .float32,
    lora: LoRAConfiguration? = nil, loraSeed: UInt64 = 0
  ) throws {
    self.device = device
    try folder.requireParts()

    scheduler = try SchedulerConfiguration(json: folder.contents(of: folder.schedulerConfiguration))
    let unetConfiguration = try UNetConfiguration(contentsOf: folder.configuration(of: .unet))
    let autoencoderConfiguration = try AutoencoderConfiguration(
      contentsOf: folder.configuration(of: .vae))
    let encoderNetworks = folder.networks.filter(ModelFolder.Network.textEncoders.contains)
    let texts = try encoderNetworks.map {
      (
        try CLIPTokenizer(folder: URL(filePath: folder.tokenizer(of: $0))),
        try CLIPTextConfiguration(contentsOf: folder.configuration(of: $0))
      )
    }
    for (network, text) in zip(encoderNetworks, texts) {
      try text.1.require(fitting: text.0, path: folder.configuration(of: network))
    }
    try Self.checkFit(folder, texts.map(\.1), unetConfiguration, autoencoderConfiguration)
    emptyIsZero =
      texts.count > 1
      ? try JSONFile(path: folder.index).bool("force_zeros_for_empty_prompt", default: true) : false

    textEncoders = try zip(encoderNetworks, texts).map { network, text in
      try TextEncoder(
        tokenizer: text.0, text.1, files: folder.files(of: network), device: device, dtype: dtype)
    }
    unetParameters = ParameterStore(
      .files(try folder.files(of: .unet)), device: device, dtype: dtype, lora: lora,
      loraSeed: loraSeed)
    unet = try UNet2DConditionModel(unetParameters.root, unetConfiguration)
    try unetParameters.finish()
    autoencoderParameters = ParameterStore(.files(try folder.files(of: .vae)), device: device)
    autoencoder = try AutoencoderKL(autoencoderParameters.root, autoencoderConfiguration)
    try autoencoderParameters.finish()
  }

  /// A model with new random weights.
  ///
  /// - Parameters:
  ///   - tokenizer: Of all text encoders.
  ///   - texts: One text encoder, or the two of Stable Diffusion XL.
  ///   - seed: Where the weights start.
  ///   - dtype: As for a folder's.
  ///   - lora: As for a folder's.
  public init(
    tokenizer: CLIPTokenizer, texts: [CLIPTextConfiguration], unet: UNetConfiguration,
    autoencoder: AutoencoderConfiguration, scheduler: SchedulerConfiguration, seed: UInt64,
    device: Device, dtype: DType = .float32, lora: LoRAConfiguration? = nil
  ) throws {
    self.device = device
    self.scheduler = scheduler
    emptyIsZero = texts.count > 1
    unetParameters = ParameterStore(
      .random(seed: seed &+ 1), device: device, dtype: dtype, lora: lora, loraSeed: seed)
    self.unet = try UNet2DConditionModel(unetParameters.root, unet)
    try unetParameters.finish()
    autoencoderParameters = ParameterStore(.random(seed: seed &+ 2), device: device)
    self.autoencoder = try AutoencoderKL(autoencoderParameters.root, autoencoder)
    textEncoders = try texts.enumerated().map { index, text in
      let seed = index == 0 ? seed : seed &+ 3
      let parameters = ParameterStore(.random(seed: seed), device: device, dtype: dtype)
      return TextEncoder(
        tokenizer: tokenizer, model: try CLIPTextModel(parameters.root, text),
        parameters: parameters)
    }
  }

  private static func checkFit(
    _ folder: ModelFolder, _ texts: [CLIPTextConfiguration], _ unet: UNetConfiguration,
    _ autoencoder: AutoencoderConfiguration
  ) throws(ModelError) {
    let path = folder.configuration(of: .unet)
    let widths = texts.map(\.encoder.hiddenWidth)
    guard unet.crossAttentionWidth == widths.reduce(0, +) else {
      let expected = widths.map(String.init).joined(separator: " + ")
      throw .invalid(
        path: path, key: "cross_attention_dim",
        expected: "the text encoder's hidden_size \(expected)", found: "\(unet.crossAttentionWidth)"
      )
    }
    if texts.count > 1 && texts[1].projectionWidth == nil {
      throw .invalid(
        path: folder.configuration(of: .secondTextEncoder), key: "architectures",
        expected: "CLIPTextModelWithProjection", found: texts[1].architecture)
    }
    let pooledWidth = texts.count > 1 ? texts[1].projectionWidth : nil
    guard unet.addition?.pooledWidth == pooledWidth else {
      func text(_ width: Int?) -> String { width.map { "\($0) pooled features" } ?? "none" }
      throw .invalid(
        path: path, key: "addition_embed_type",
        expected: "for what text_encoder_2 gives, \(text(pooledWidth))",
        found: text(unet.addition?.pooledWidth))
    }
    guard unet.inChannels == autoencoder.latentChannels, unet.outChannels == unet.inChannels else {
      throw .invalid(
        path: path, key: "in_channels",
        expected: "like out_channels the autoencoder's latent_channels "
          + "\(autoencoder.latentChannels)", found: "\(unet.inChannels)")
    }
  }

  /// The context of the prompts.
  ///
  /// - Source: diffusers, pipelines/stable_diffusion/pipeline_stable_diffusion.py and
  ///   pipelines/stable_diffusion_xl/pipeline_stable_diffusion_xl.py, `encode_prompt`.
  public func encode(prompts: [String]) throws -> TextContext {
    encodedPromptCount += prompts.count
    let outputs = try textEncoders.map { try $0(prompts) }
    guard outputs.count > 1 else { return TextContext(features: outputs[0].last) }
    let features = try Tensor.concatenated(outputs.map(\.penultimate), axis: 2)
    guard let pooled = outputs[1].pooled else {
      preconditionFailure("checkFit lets no second text encoder without projection pass")
    }
    let side = Float(imageSide)
    let sizes = try Tensor([side, side, 0, 0, side, side], shape: [1, 6]).to(device)
    return TextContext(
      features: features,
      addition: TextContext.Addition(
        pooled: pooled, sizes: try sizes.expanded([prompts.count, 6])))
  }

  /// The context of the empty prompt, the other end of guidance.
  public func encodeEmptyPrompt() throws -> TextContext {
    let context = try encode(prompts: [""])
    guard emptyIsZero, let addition = context.addition else { return context }
    return TextContext(
      features: try context.features * 0,
      addition: TextContext.Addition(pooled: try addition.pooled * 0, sizes: addition.sizes))
  }

  /// Latents [B, C, h, w] as the sampler leaves them to images [B, H, W, 3] of levels in 0...255, not
  /// rounded, float32 on the CPU.
  public func decode(_ latents: Tensor) throws -> Tensor {
    let scale = 1 / autoencoder.configuration.scalingFactor
    let images = try autoencoder.decode(latents.to(dtype: .float32) * scale)
    return try (images * 127.5 + 127.5).clamped(to: 0...255).permuted([0, 2, 3, 1]).to(.cpu)
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
