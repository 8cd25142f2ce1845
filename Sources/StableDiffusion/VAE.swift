import Torch
import TorchNN

// Shapes: B batch, C latent channels, H W rows and columns of the image, h w those of the latents.

/// Images to the moments of their latents.
///
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
        try configuration.resnet(
          block / "resnets" / layer, in: channels[layer == 0 ? max(0, index - 1) : index],
          out: channels[index])
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
      eps: AutoencoderConfiguration.normEpsilon)
    convOut = try Conv2d(
      path / "conv_out", in: channels[last], out: 2 * configuration.latentChannels, kernel: 3)
  }

  /// [B, 3, H, W] to [B, 2C, h, w].
  func callAsFunction(_ x: Tensor) throws -> Tensor {
    var h = try convIn(x.channelsLast())
    for (resnets, downsampler) in downBlocks {
      for resnet in resnets { h = try resnet(h) }
      if let downsampler { h = try downsampler(h) }
    }
    h = try midBlock(h)
    return try convOut(convNormOut(h, silu: true))
  }
}

/// Latents to images.
///
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
        try configuration.resnet(
          block / "resnets" / layer, in: channels[layer == 0 ? max(0, index - 1) : index],
          out: channels[index])
      }
      let upsampler =
        index == last ? nil : try Upsample2D(block / "upsamplers" / 0, channels: channels[index])
      return (resnets, upsampler)
    }
    convNormOut = try GroupNorm(
      path / "conv_norm_out", groups: configuration.normGroupCount, channels: channels[last],
      eps: AutoencoderConfiguration.normEpsilon)
    convOut = try Conv2d(path / "conv_out", in: channels[last], out: 3, kernel: 3)
  }

  /// [B, C, h, w] to [B, 3, H, W].
  func callAsFunction(_ x: Tensor) throws -> Tensor {
    var h = try midBlock(convIn(x.channelsLast()))
    for (resnets, upsampler) in upBlocks {
      for resnet in resnets { h = try resnet(h) }
      if let upsampler { h = try upsampler(h) }
    }
    return try convOut(convNormOut(h, silu: true))
  }
}

extension AutoencoderConfiguration {
  /// Epsilon of all normalisation in the autoencoder; diffusers does not make it an option.
  static let normEpsilon = 1e-6

  /// A residual block of the autoencoder, which knows no time.
  func resnet(_ path: ParameterPath, in inChannels: Int, out outChannels: Int) throws
    -> ResnetBlock2D
  {
    try ResnetBlock2D(
      path, in: inChannels, out: outChannels, timeWidth: nil, groups: normGroupCount,
      eps: Self.normEpsilon)
  }
}
