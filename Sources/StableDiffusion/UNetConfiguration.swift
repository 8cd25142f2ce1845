import TorchNN

/// The architecture of a ``UNet2DConditionModel``, as its config.json gives it.
///
/// - Source: diffusers, models/unets/unet_2d_condition.py; per-level lists run from the highest
///   resolution down.
public struct UNetConfiguration: Sendable, Equatable {
  /// Rows and columns of the latents that the model was trained for.
  public var sampleSize: Int
  /// Channels of the noisy latents.
  public var inChannels: Int
  /// Channels of the prediction.
  public var outChannels: Int
  /// Channels of each level.
  public var blockOutChannels: [Int]
  /// Whether each level attends to the context.
  public var hasAttention: [Bool]
  /// Residual blocks a level on the way down; one more on the way up.
  public var layersPerBlock: Int
  /// Features of the context, the text encoder's output.
  public var crossAttentionWidth: Int
  /// Attention heads of each level. diffusers calls this `attention_head_dim`, a name it regrets.
  public var headCounts: [Int]
  /// Transformer blocks in each attention of a level.
  public var transformerLayerCounts: [Int]
  /// Whether attention projects by linear layers, not by 1x1 convolutions.
  public var usesLinearProjection: Bool
  /// Groups of every group normalisation.
  public var normGroupCount: Int
  /// Epsilon of the residual blocks' normalisation.
  public var normEpsilon: Double
  /// Whether the time embedding puts cosines before sines.
  public var flipsSineToCosine: Bool
  /// Subtracted from half the width in the time embedding's frequencies.
  public var frequencyShift: Double
  /// What the UNet of Stable Diffusion XL is told of the whole image; `nil` for others.
  public var addition: Addition?

  /// The widths of the conditions of the whole image, which diffusers calls `text_time`.
  public struct Addition: Sendable, Equatable {
    /// Sinusoids of each of the six sizes.
    public var sizeWidth: Int
    /// Pooled features of the text.
    public var pooledWidth: Int

    /// Widths with every value given.
    public init(sizeWidth: Int, pooledWidth: Int) {
      self.sizeWidth = sizeWidth
      self.pooledWidth = pooledWidth
    }

    /// Features of all of it in a row.
    var width: Int { pooledWidth + 6 * sizeWidth }
  }

  /// Features of the time embedding.
  public var timeEmbeddingWidth: Int { 4 * blockOutChannels[0] }

  /// An architecture of Stable Diffusion's kind.
  public init(
    sampleSize: Int, channels: Int, blockOutChannels: [Int], hasAttention: [Bool],
    layersPerBlock: Int, crossAttentionWidth: Int, headCounts: [Int], normGroupCount: Int
  ) {
    self.sampleSize = sampleSize
    inChannels = channels
    outChannels = channels
    self.blockOutChannels = blockOutChannels
    self.hasAttention = hasAttention
    self.layersPerBlock = layersPerBlock
    self.crossAttentionWidth = crossAttentionWidth
    self.headCounts = headCounts
    transformerLayerCounts = blockOutChannels.map { _ in 1 }
    usesLinearProjection = false
    self.normGroupCount = normGroupCount
    normEpsilon = 1e-5
    flipsSineToCosine = true
    frequencyShift = 0
    addition = nil
  }

  /// Reads a config.json.
  ///
  /// - Throws: ``ModelError`` naming the key that is missing, wrong or not supported.
  public init(contentsOf path: String) throws(ModelError) {
    let json = try JSONFile(path: path)
    try Self.refuseUnsupported(json)
    blockOutChannels = try json.ints("block_out_channels")
    let levelCount = blockOutChannels.count
    let down = try json.strings("down_block_types")
    let up = try json.strings("up_block_types")
    hasAttention = down.map { $0 == "CrossAttnDownBlock2D" }
    let expectedUp = hasAttention.reversed().map { $0 ? "CrossAttnUpBlock2D" : "UpBlock2D" }
    guard levelCount > 0, down.count == levelCount,
      down.allSatisfy({ ["DownBlock2D", "CrossAttnDownBlock2D"].contains($0) })
    else {
      throw .unsupported(
        path: path, key: "down_block_types", found: "\(down)",
        supported: "one DownBlock2D or CrossAttnDownBlock2D for each of \(levelCount) levels")
    }
    guard up == expectedUp else {
      throw .unsupported(
        path: path, key: "up_block_types", found: "\(up)",
        supported: "the mirror image of down_block_types, \(expectedUp)")
    }
    sampleSize = try json.int("sample_size")
    inChannels = try json.int("in_channels", default: 4)
    outChannels = try json.int("out_channels", default: 4)
    layersPerBlock = try json.int("layers_per_block", default: 2)
    crossAttentionWidth = try json.int("cross_attention_dim", default: 1280)
    let headKey =
      json.contains("num_attention_heads") ? "num_attention_heads" : "attention_head_dim"
    headCounts = try json.ints(headKey, perLevel: levelCount, default: 8)
    transformerLayerCounts = try json.ints(
      "transformer_layers_per_block", perLevel: levelCount, default: 1)
    usesLinearProjection = try json.bool("use_linear_projection", default: false)
    normGroupCount = try json.int("norm_num_groups", default: 32)
    normEpsilon = try json.double("norm_eps", default: 1e-5)
    flipsSineToCosine = try json.bool("flip_sin_to_cos", default: true)
    frequencyShift = try json.double("freq_shift", default: 0)
    addition = try json.contains("addition_embed_type") ? Addition(json) : nil
    try checkDivisibility(path)
  }

  private static func refuseUnsupported(_ json: JSONFile) throws(ModelError) {
    try json.require("act_fn", oneOf: ["silu"])
    try json.require("mid_block_type", oneOf: ["UNetMidBlock2DCrossAttn"])
    try json.require("resnet_time_scale_shift", oneOf: ["default"])
    try json.require("time_embedding_type", oneOf: ["positional"])
    try json.require("attention_type", oneOf: ["default"])
    try json.require("addition_embed_type", oneOf: ["text_time"])
    try json.require("conv_in_kernel", oneOf: ["3"])
    try json.require("conv_out_kernel", oneOf: ["3"])
    try json.require("downsample_padding", oneOf: ["1"])
    try json.require("mid_block_scale_factor", oneOf: ["1"])
    try json.require("resnet_out_scale_factor", oneOf: ["1"])
    for key in [
      "only_cross_attention", "dual_cross_attention", "center_input_sample",
      "resnet_skip_time_act", "class_embeddings_concat", "mid_block_only_cross_attention",
    ] {
      try json.require(key, oneOf: ["false"])
    }
    for key in [
      "class_embed_type", "num_class_embeds", "encoder_hid_dim",
      "encoder_hid_dim_type", "time_cond_proj_dim", "time_embedding_dim", "time_embedding_act_fn",
      "timestep_post_act", "cross_attention_norm", "reverse_transformer_layers_per_block",
    ] {
      try json.require(key, oneOf: ["null"])
    }
  }

  private func checkDivisibility(_ path: String) throws(ModelError) {
    let factor = 1 << (blockOutChannels.count - 1)
    guard sampleSize > 0, sampleSize % factor == 0 else {
      throw .invalid(
        path: path, key: "sample_size",
        expected: "a multiple of \(factor), which \(blockOutChannels.count) levels halve down to 1",
        found: "\(sampleSize)")
    }
    for (key, counts) in [
      ("layers_per_block", [layersPerBlock]),
      ("transformer_layers_per_block", transformerLayerCounts),
    ] where !counts.allSatisfy({ (1...1000).contains($0) }) {
      throw .invalid(path: path, key: key, expected: "from 1 to 1000", found: "\(counts)")
    }
    for (index, channels) in blockOutChannels.enumerated() {
      let heads = headCounts[index]
      guard channels > 0, normGroupCount > 0, channels % normGroupCount == 0 else {
        throw .invalid(
          path: path, key: "block_out_channels",
          expected: "multiples of norm_num_groups "
            + "\(normGroupCount)", found: "\(blockOutChannels)")
      }
      guard heads > 0, channels % heads == 0 else {
        throw .invalid(
          path: path, key: "attention_head_dim",
          expected: "a divisor of the level's \(channels) channels", found: "\(heads)")
      }
    }
  }

  /// The keys and values of config.json.
  public var json: [String: Any] {
    var json: [String: Any] = [
      "_class_name": "UNet2DConditionModel",
      "sample_size": sampleSize, "in_channels": inChannels, "out_channels": outChannels,
      "block_out_channels": blockOutChannels,
      "down_block_types": hasAttention.map { $0 ? "CrossAttnDownBlock2D" : "DownBlock2D" },
      "up_block_types": hasAttention.reversed().map { $0 ? "CrossAttnUpBlock2D" : "UpBlock2D" },
      "mid_block_type": "UNetMidBlock2DCrossAttn",
      "layers_per_block": layersPerBlock, "cross_attention_dim": crossAttentionWidth,
      "attention_head_dim": headCounts, "transformer_layers_per_block": transformerLayerCounts,
      "use_linear_projection": usesLinearProjection, "norm_num_groups": normGroupCount,
      "norm_eps": normEpsilon, "flip_sin_to_cos": flipsSineToCosine, "freq_shift": frequencyShift,
      "act_fn": "silu",
    ]
    if let addition {
      json["addition_embed_type"] = "text_time"
      json["addition_time_embed_dim"] = addition.sizeWidth
      json["projection_class_embeddings_input_dim"] = addition.width
    }
    return json
  }
}

extension UNetConfiguration.Addition {
  fileprivate init(_ json: JSONFile) throws(ModelError) {
    sizeWidth = try json.int("addition_time_embed_dim")
    let key = "projection_class_embeddings_input_dim"
    let width = try json.int(key)
    guard (1...1_000_000).contains(sizeWidth), sizeWidth % 2 == 0, width > 6 * sizeWidth else {
      throw .invalid(
        path: json.path, key: key,
        expected: "more than six times an even addition_time_embed_dim \(sizeWidth)",
        found: "\(width)")
    }
    pooledWidth = width - 6 * sizeWidth
  }
}
