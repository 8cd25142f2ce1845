import Foundation
import Torch
import TorchNN

// Shapes: B batch, C channels, H W rows and columns, E width of the time embedding, L D context
// length and features.

/// Predicts the noise in latents from their noise level and a text.
///
/// - Source: diffusers, models/unets/unet_2d_condition.py.
public struct UNet2DConditionModel {
  /// The architecture.
  public let configuration: UNetConfiguration
  let convIn: Conv2d
  let timeEmbedding1: Linear
  let timeEmbedding2: Linear
  let downBlocks: [DownBlock2D]
  let midBlock: UNetMidBlock2DCrossAttn
  let upBlocks: [UpBlock2D]
  let convNormOut: GroupNorm
  let convOut: Conv2d

  /// The network whose parameters are at `path`.
  public init(_ path: ParameterPath, _ configuration: UNetConfiguration) throws {
    self.configuration = configuration
    let channels = configuration.blockOutChannels
    let last = channels.count - 1
    let level = { UNetLevel(configuration: configuration, index: $0) }

    convIn = try Conv2d(
      path / "conv_in", in: configuration.inChannels, out: channels[0], kernel: 3)
    let timeWidth = configuration.timeEmbeddingWidth
    timeEmbedding1 = try Linear(
      path / "time_embedding" / "linear_1", in: channels[0], out: timeWidth)
    timeEmbedding2 = try Linear(path / "time_embedding" / "linear_2", in: timeWidth, out: timeWidth)
    downBlocks = try channels.indices.map { index in
      try DownBlock2D(
        path / "down_blocks" / index, level: level(index), in: channels[max(0, index - 1)],
        hasAttention: configuration.hasAttention[index], isLast: index == last)
    }
    midBlock = try UNetMidBlock2DCrossAttn(path / "mid_block", level: level(last))
    upBlocks = try channels.indices.map { position in
      let index = last - position
      return try UpBlock2D(
        path / "up_blocks" / position, level: level(index),
        previousChannels: channels[min(last, index + 1)], inChannels: channels[max(0, index - 1)],
        hasAttention: configuration.hasAttention[index], isLast: position == last)
    }
    convNormOut = try GroupNorm(
      path / "conv_norm_out", groups: configuration.normGroupCount, channels: channels[0],
      eps: configuration.normEpsilon)
    convOut = try Conv2d(
      path / "conv_out", in: channels[0], out: configuration.outChannels, kernel: 3)
  }

  /// The model's prediction [B, C, H, W] for latents [B, C, H, W] at timesteps [B] (float32) with
  /// the context [B, L, D].
  public func callAsFunction(_ sample: Tensor, timesteps: Tensor, context: Tensor) throws -> Tensor
  {
    let embedding = try timestepEmbedding(timesteps).to(dtype: sample.dtype)
    // Every residual block applies the nonlinearity to the embedding first: once is enough.
    let time = try timeEmbedding2(timeEmbedding1(embedding).activated(.silu)).activated(.silu)

    var h = try convIn(sample)
    var states = [h]
    for block in downBlocks {
      let (output, blockStates) = try block(h, time: time, context: context)
      h = output
      states += blockStates
    }
    h = try midBlock(h, time: time, context: context)
    for block in upBlocks {
      h = try block(h, states: &states, time: time, context: context)
    }
    return try convOut(convNormOut(h).activated(.silu))
  }

  /// Sinusoids of the timesteps [B]: float32 [B, C] for C channels of the first level.
  ///
  /// - Source: diffusers, models/embeddings.py, get_timestep_embedding.
  private func timestepEmbedding(_ timesteps: Tensor) throws -> Tensor {
    let half = configuration.blockOutChannels[0] / 2
    let scale = -log(10_000.0) / (Double(half) - configuration.frequencyShift)
    // In float32 step by step, as the source does.
    let frequencies = (0..<half).map { Foundation.exp(Float($0) * Float(scale)) }
    let angles =
      try timesteps.to(dtype: .float32).reshaped([-1, 1])
      * Tensor(frequencies, shape: [1, half]).to(timesteps.device)
    let parts = try [angles.sin(), angles.cos()]
    return try .concatenated(configuration.flipsSineToCosine ? parts.reversed() : parts, axis: 1)
  }
}
