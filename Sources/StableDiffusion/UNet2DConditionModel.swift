import Diffusion
import Torch
import TorchNN

// Shapes: B batch, C channels, H W rows and columns, E width of the time embedding.

/// Predicts the noise in latents from their noise level and a text.
///
/// - Source: diffusers, models/unets/unet_2d_condition.py.
public struct UNet2DConditionModel: NoisePredictor {
  /// The architecture.
  public let configuration: UNetConfiguration
  /// Whether gradients compute the blocks' activations anew, which takes less memory and more time.
  public var recomputesActivations = false
  let convIn: Conv2d
  let timeProjection: Timesteps
  let timeEmbedding: TimestepEmbedding
  let addition: (sizeProjection: Timesteps, embedding: TimestepEmbedding)?
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
    let projection = { (width: Int) in
      try Timesteps(
        width: width, frequencyShift: configuration.frequencyShift,
        cosineFirst: configuration.flipsSineToCosine, on: path.device)
    }
    timeProjection = try projection(channels[0])
    timeEmbedding = try TimestepEmbedding(path / "time_embedding", in: channels[0], out: timeWidth)
    addition = try configuration.addition.map {
      (
        try projection($0.sizeWidth),
        try TimestepEmbedding(path / "add_embedding", in: $0.width, out: timeWidth)
      )
    }
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
  /// the context of B texts.
  ///
  /// - Throws: ``ModelError`` for a context of another kind of model.
  public func callAsFunction(_ sample: Tensor, timesteps: Tensor, context: TextContext) throws
    -> Tensor
  {
    // Every residual block applies the nonlinearity to the embedding first: once is enough.
    let time = try timeEmbedding(of: timesteps, context).activated(.silu)
    let conditions = BlockConditions(
      time: time, context: try context.features.to(dtype: dtype), recompute: recomputesActivations)

    var h = try convIn(sample.to(dtype: dtype).channelsLast())
    var states = [h]
    for block in downBlocks {
      let (output, blockStates) = try block(h, conditions)
      h = output
      states += blockStates
    }
    h = try midBlock(h, conditions)
    for block in upBlocks {
      h = try block(h, states: &states, conditions)
    }
    return try convOut(convNormOut(h, silu: true))
  }

  /// The type of the weights, in which the network computes.
  private var dtype: DType { convIn.dtype }

  /// The embedding [B, E] of the timesteps [B] and of what is said of the whole image.
  private func timeEmbedding(of timesteps: Tensor, _ context: TextContext) throws -> Tensor {
    let time = try timeEmbedding(timeProjection(timesteps).to(dtype: dtype))
    guard let addition else {
      guard context.addition == nil else {
        throw ModelError.wrongInput("the UNet takes no conditions of the whole image, got some")
      }
      return time
    }
    guard let given = context.addition else {
      throw ModelError.wrongInput("the UNet takes pooled text features and sizes, got none")
    }
    let sizes = try addition.sizeProjection(given.sizes.reshaped([-1]))
      .reshaped([context.count, -1])
    return try time
      + addition.embedding(
        .concatenated([given.pooled.to(dtype: dtype), sizes.to(dtype: dtype)], axis: 1))
  }
}
