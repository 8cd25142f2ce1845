import Torch
import TorchNN

// Shapes: B batch, C channels, H W rows and columns, E width of the time embedding, L D context
// length and features.

/// What conditions every block.
struct BlockConditions {
  /// The time embedding after its nonlinearity [B, E].
  let time: Tensor
  /// The text's features [B, L, D].
  let context: Tensor
  /// Whether gradients compute activations inside the blocks' layers anew.
  let recompute: Bool

  func run(_ resnet: ResnetBlock2D, _ x: Tensor) throws -> Tensor {
    guard recompute else { return try resnet(x, time: time) }
    return try recomputed([x, time]) { try resnet($0[0], time: $0[1]) }
  }

  func run(_ attention: Transformer2DModel, _ x: Tensor) throws -> Tensor {
    guard recompute else { return try attention(x, context: context) }
    return try recomputed([x, context]) { try attention($0[0], context: $0[1]) }
  }
}

/// What all blocks of one level of the UNet share.
struct UNetLevel {
  let configuration: UNetConfiguration
  let index: Int

  var channels: Int { configuration.blockOutChannels[index] }
  var timeWidth: Int { configuration.timeEmbeddingWidth }

  func resnet(_ path: ParameterPath, in inChannels: Int) throws -> ResnetBlock2D {
    try ResnetBlock2D(
      path, in: inChannels, out: channels, timeWidth: timeWidth,
      groups: configuration.normGroupCount, eps: configuration.normEpsilon)
  }

  func transformer(_ path: ParameterPath) throws -> Transformer2DModel {
    try Transformer2DModel(
      path, channels: channels, contextWidth: configuration.crossAttentionWidth,
      headCount: configuration.headCounts[index],
      layerCount: configuration.transformerLayerCounts[index],
      linearProjection: configuration.usesLinearProjection, groups: configuration.normGroupCount)
  }
}

/// Residual blocks, each followed by attention to the context where the level has it, then half
/// the resolution.
///
/// - Source: diffusers, models/unets/unet_2d_blocks.py, DownBlock2D and CrossAttnDownBlock2D.
struct DownBlock2D {
  let resnets: [ResnetBlock2D]
  let attentions: [Transformer2DModel]
  let downsampler: Downsample2D?

  init(
    _ path: ParameterPath, level: UNetLevel, in inChannels: Int, hasAttention: Bool, isLast: Bool
  ) throws {
    let layers = 0..<level.configuration.layersPerBlock
    resnets = try layers.map {
      try level.resnet(path / "resnets" / $0, in: $0 == 0 ? inChannels : level.channels)
    }
    attentions =
      hasAttention ? try layers.map { try level.transformer(path / "attentions" / $0) } : []
    downsampler =
      isLast ? nil : try Downsample2D(path / "downsamplers" / 0, channels: level.channels)
  }

  /// - Returns: The output and every intermediate state that the way up will want.
  func callAsFunction(_ x: Tensor, _ conditions: BlockConditions) throws -> (Tensor, [Tensor]) {
    var h = x
    var states: [Tensor] = []
    for (index, resnet) in resnets.enumerated() {
      h = try conditions.run(resnet, h)
      if !attentions.isEmpty { h = try conditions.run(attentions[index], h) }
      states.append(h)
    }
    if let downsampler {
      h = try downsampler(h)
      states.append(h)
    }
    return (h, states)
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
    resnet0 = try configuration.resnet(path / "resnets" / 0, in: channels, out: channels)
    attention =
      configuration.hasMidAttention
      ? try SpatialAttention(
        path / "attentions" / 0, channels: channels, groups: configuration.normGroupCount,
        eps: AutoencoderConfiguration.normEpsilon) : nil
    resnet1 = try configuration.resnet(path / "resnets" / 1, in: channels, out: channels)
  }

  func callAsFunction(_ x: Tensor) throws -> Tensor {
    let h = try resnet0(x)
    return try resnet1(attention?(h) ?? h)
  }
}

/// Attention between two residual blocks at the lowest resolution.
///
/// - Source: diffusers, models/unets/unet_2d_blocks.py, UNetMidBlock2DCrossAttn.
struct UNetMidBlock2DCrossAttn {
  let resnet0: ResnetBlock2D
  let attention: Transformer2DModel
  let resnet1: ResnetBlock2D

  init(_ path: ParameterPath, level: UNetLevel) throws {
    resnet0 = try level.resnet(path / "resnets" / 0, in: level.channels)
    attention = try level.transformer(path / "attentions" / 0)
    resnet1 = try level.resnet(path / "resnets" / 1, in: level.channels)
  }

  func callAsFunction(_ x: Tensor, _ conditions: BlockConditions) throws -> Tensor {
    let h = try conditions.run(attention, conditions.run(resnet0, x))
    return try conditions.run(resnet1, h)
  }
}

/// Residual blocks that each take a state from the way down, with attention where the level has it,
/// then twice the resolution.
///
/// - Source: diffusers, models/unets/unet_2d_blocks.py, UpBlock2D and CrossAttnUpBlock2D.
struct UpBlock2D {
  let resnets: [ResnetBlock2D]
  let attentions: [Transformer2DModel]
  let upsampler: Upsample2D?

  /// - Parameters:
  ///   - previousChannels: Channels that arrive from the block below.
  ///   - inChannels: Channels of the level above, whose last state comes down last.
  init(
    _ path: ParameterPath, level: UNetLevel, previousChannels: Int, inChannels: Int,
    hasAttention: Bool, isLast: Bool
  ) throws {
    let layers = 0...level.configuration.layersPerBlock
    resnets = try layers.map { layer in
      let below = layer == 0 ? previousChannels : level.channels
      let across = layer == layers.upperBound ? inChannels : level.channels
      return try level.resnet(path / "resnets" / layer, in: below + across)
    }
    attentions =
      hasAttention ? try layers.map { try level.transformer(path / "attentions" / $0) } : []
    upsampler = isLast ? nil : try Upsample2D(path / "upsamplers" / 0, channels: level.channels)
  }

  /// - Parameter states: The states of the way down; this block takes its share off the end.
  func callAsFunction(_ x: Tensor, states: inout [Tensor], _ conditions: BlockConditions) throws
    -> Tensor
  {
    var h = x
    for (index, resnet) in resnets.enumerated() {
      h = try conditions.run(resnet, .concatenated([h, states.removeLast()], axis: 1))
      if !attentions.isEmpty { h = try conditions.run(attentions[index], h) }
    }
    return try upsampler?(h) ?? h
  }
}
