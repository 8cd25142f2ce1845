import Torch
import TorchNN

// Shapes: B batch, C latent channels, H W rows and columns of the image, h w those of the latents.

/// Compresses images to latents and back.
///
/// - Source: diffusers, models/autoencoders/autoencoder_kl.py.
public struct AutoencoderKL {
  /// The architecture.
  public internal(set) var configuration: AutoencoderConfiguration
  let encoder: Encoder
  let quantConv: Conv2d
  let postQuantConv: Conv2d
  let decoder: Decoder

  /// The network whose parameters are at `path`.
  public init(_ path: ParameterPath, _ configuration: AutoencoderConfiguration) throws {
    self.configuration = configuration
    let channels = configuration.latentChannels
    encoder = try Encoder(path / "encoder", configuration)
    quantConv = try Conv2d(path / "quant_conv", in: 2 * channels, out: 2 * channels, kernel: 1)
    postQuantConv = try Conv2d(path / "post_quant_conv", in: channels, out: channels, kernel: 1)
    decoder = try Decoder(path / "decoder", configuration)
  }

  /// Images [B, 3, H, W] in [-1, 1] to the mean and log-variance of their latents, each
  /// [B, C, h, w], before the scaling factor.
  public func encode(_ images: Tensor) throws -> (mean: Tensor, logVariance: Tensor) {
    let moments = try quantConv(encoder(images)).chunks(2, axis: 1)
    return (moments[0], try moments[1].clamped(to: -30...20))
  }

  /// Latents [B, C, h, w], the scaling factor already divided out, to images [B, 3, H, W] of
  /// about [-1, 1].
  public func decode(_ latents: Tensor) throws -> Tensor {
    try decoder(postQuantConv(latents))
  }
}

/// Attention between two residual blocks, without text or time.
///
/// - Source: diffusers, models/unets/unet_2d_blocks.py, UNetMidBlock2D.
struct UNetMidBlock2D {
  let resnet0: ResnetBlock2D
  let attention: SpatialAttention?
  let resnet1: ResnetBlock2D

  init(_ path: ParameterPath, _ configuration: AutoencoderConfiguration, channels: Int) throws {
    resnet0 = try resnet(path / "resnets" / 0, configuration, in: channels, out: channels)
    attention =
      configuration.hasMidAttention
      ? try SpatialAttention(
        path / "attentions" / 0, channels: channels, groups: configuration.normGroupCount,
        eps: autoencoderEpsilon) : nil
    resnet1 = try resnet(path / "resnets" / 1, configuration, in: channels, out: channels)
  }

  func callAsFunction(_ x: Tensor) throws -> Tensor {
    let h = try resnet0(x)
    return try resnet1(attention?(h) ?? h)
  }
}

/// - Source: diffusers, models/autoencoders/vae.py, Encoder.
struct Encoder {
  let convIn: Conv2d
  let downBlocks: [(resnets: [ResnetBlock2D], downsampler: Downsample2D?)]
  let midBlock: UNetMidBlock2D
  let convNormOut: GroupNorm
  let convOut: Conv2d

  init(_ path: ParameterPath, _ configuration: AutoencoderConfiguration) throws {
    let channels = configuration.blockOutChannels
    let last = channels.count - 1
    convIn = try Conv2d(path / "conv_in", in: 3, out: channels[0], kernel: 3)
    downBlocks = try channels.indices.map { index in
      let block = path / "down_blocks" / index
      let resnets = try (0..<configuration.layersPerBlock).map { layer in
        try resnet(
          block / "resnets" / layer, configuration,
          in: channels[layer == 0 ? max(0, index - 1) : index], out: channels[index])
      }
      let downsampler =
        index == last
        ? nil
        : try Downsample2D(block / "downsamplers" / 0, channels: channels[index], padsEnd: true)
      return (resnets, downsampler)
    }
    midBlock = try UNetMidBlock2D(path / "mid_block", configuration, channels: channels[last])
    convNormOut = try GroupNorm(
      path / "conv_norm_out", groups: configuration.normGroupCount, channels: channels[last],
      eps: autoencoderEpsilon)
    convOut = try Conv2d(
      path / "conv_out", in: channels[last], out: 2 * configuration.latentChannels, kernel: 3)
  }

  /// [B, 3, H, W] to [B, 2C, h, w].
  func callAsFunction(_ x: Tensor) throws -> Tensor {
    var h = try convIn(x)
    for (resnets, downsampler) in downBlocks {
      for resnet in resnets { h = try resnet(h) }
      if let downsampler { h = try downsampler(h) }
    }
    h = try midBlock(h)
    return try convOut(convNormOut(h).activated(.silu))
  }
}

/// - Source: diffusers, models/autoencoders/vae.py, Decoder.
struct Decoder {
  let convIn: Conv2d
  let midBlock: UNetMidBlock2D
  let upBlocks: [(resnets: [ResnetBlock2D], upsampler: Upsample2D?)]
  let convNormOut: GroupNorm
  let convOut: Conv2d

  init(_ path: ParameterPath, _ configuration: AutoencoderConfiguration) throws {
    let channels = Array(configuration.blockOutChannels.reversed())
    let last = channels.count - 1
    convIn = try Conv2d(
      path / "conv_in", in: configuration.latentChannels, out: channels[0], kernel: 3)
    midBlock = try UNetMidBlock2D(path / "mid_block", configuration, channels: channels[0])
    upBlocks = try channels.indices.map { index in
      let block = path / "up_blocks" / index
      let resnets = try (0...configuration.layersPerBlock).map { layer in
        try resnet(
          block / "resnets" / layer, configuration,
          in: channels[layer == 0 ? max(0, index - 1) : index], out: channels[index])
      }
      let upsampler =
        index == last ? nil : try Upsample2D(block / "upsamplers" / 0, channels: channels[index])
      return (resnets, upsampler)
    }
    convNormOut = try GroupNorm(
      path / "conv_norm_out", groups: configuration.normGroupCount, channels: channels[last],
      eps: autoencoderEpsilon)
    convOut = try Conv2d(path / "conv_out", in: channels[last], out: 3, kernel: 3)
  }

  /// [B, C, h, w] to [B, 3, H, W].
  func callAsFunction(_ x: Tensor) throws -> Tensor {
    var h = try midBlock(convIn(x))
    for (resnets, upsampler) in upBlocks {
      for resnet in resnets { h = try resnet(h) }
      if let upsampler { h = try upsampler(h) }
    }
    return try convOut(convNormOut(h).activated(.silu))
  }
}

/// Epsilon of all normalisation in the autoencoder; diffusers does not make it an option.
private let autoencoderEpsilon = 1e-6

private func resnet(
  _ path: ParameterPath, _ configuration: AutoencoderConfiguration, in inChannels: Int,
  out outChannels: Int
) throws -> ResnetBlock2D {
  try ResnetBlock2D(
    path, in: inChannels, out: outChannels, timeWidth: nil,
    groups: configuration.normGroupCount, eps: autoencoderEpsilon)
}
