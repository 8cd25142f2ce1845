import TorchNN

/// The architecture of an ``AutoencoderKL``, as its config.json gives it.
///
/// - Source: diffusers, models/autoencoders/autoencoder_kl.py.
public struct AutoencoderConfiguration: Sendable, Equatable {
  /// Rows and columns of the images that the model was trained for.
  public var sampleSize: Int
  /// Channels of each level, from the highest resolution down.
  public var blockOutChannels: [Int]
  /// Residual blocks a level in the encoder; one more in the decoder.
  public var layersPerBlock: Int
  /// Channels of the latents.
  public var latentChannels: Int
  /// Groups of every group normalisation.
  public var normGroupCount: Int
  /// Multiplies latents so that their deviation is about 1.
  public var scalingFactor: Double
  /// Whether the lowest resolution attends to itself.
  public var hasMidAttention: Bool

  /// Image pixels per latent pixel along each side.
  public var downsamplingFactor: Int { 1 << (blockOutChannels.count - 1) }

  /// An architecture with every value given.
  public init(
    sampleSize: Int, blockOutChannels: [Int], layersPerBlock: Int, latentChannels: Int,
    normGroupCount: Int, scalingFactor: Double, hasMidAttention: Bool
  ) {
    self.sampleSize = sampleSize
    self.blockOutChannels = blockOutChannels
    self.layersPerBlock = layersPerBlock
    self.latentChannels = latentChannels
    self.normGroupCount = normGroupCount
    self.scalingFactor = scalingFactor
    self.hasMidAttention = hasMidAttention
  }

  /// Reads a config.json.
  ///
  /// - Throws: ``ModelError`` naming the key that is missing, wrong or not supported.
  public init(contentsOf path: String) throws(ModelError) {
    let json = try JSONFile(path: path)
    try json.require("act_fn", oneOf: ["silu"])
    for key in ["in_channels", "out_channels"] { try json.require(key, oneOf: ["3"]) }
    for key in ["use_quant_conv", "use_post_quant_conv"] { try json.require(key, oneOf: ["true"]) }
    for key in ["shift_factor", "latents_mean", "latents_std"] {
      try json.require(key, oneOf: ["null"])
    }
    blockOutChannels = try json.ints("block_out_channels")
    let levelCount = blockOutChannels.count
    for (key, type) in [
      ("down_block_types", "DownEncoderBlock2D"), ("up_block_types", "UpDecoderBlock2D"),
    ] {
      let found = try json.strings(key)
      guard levelCount > 0, found == Array(repeating: type, count: levelCount) else {
        throw .unsupported(
          path: path, key: key, found: "\(found)",
          supported: "one \(type) for each of \(levelCount) levels")
      }
    }
    sampleSize = try json.int("sample_size", default: 32)
    layersPerBlock = try json.int("layers_per_block", default: 1)
    latentChannels = try json.int("latent_channels", default: 4)
    normGroupCount = try json.int("norm_num_groups", default: 32)
    scalingFactor = try json.double("scaling_factor", default: 0.18215)
    hasMidAttention = try json.bool("mid_block_add_attention", default: true)
    guard normGroupCount > 0, blockOutChannels.allSatisfy({ $0 > 0 && $0 % normGroupCount == 0 })
    else {
      throw .invalid(
        path: path, key: "block_out_channels",
        expected: "multiples of norm_num_groups \(normGroupCount)", found: "\(blockOutChannels)")
    }
  }

  /// The keys and values of config.json.
  public var json: [String: Any] {
    [
      "_class_name": "AutoencoderKL", "act_fn": "silu",
      "sample_size": sampleSize, "in_channels": 3, "out_channels": 3,
      "block_out_channels": blockOutChannels,
      "down_block_types": blockOutChannels.map { _ in "DownEncoderBlock2D" },
      "up_block_types": blockOutChannels.map { _ in "UpDecoderBlock2D" },
      "layers_per_block": layersPerBlock, "latent_channels": latentChannels,
      "norm_num_groups": normGroupCount, "scaling_factor": scalingFactor,
      "mid_block_add_attention": hasMidAttention,
    ]
  }
}
