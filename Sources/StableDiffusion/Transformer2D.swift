import Torch
import TorchNN

// Shapes: B batch, C channels, H W rows and columns, S = H W pixels, L context length.

/// Self-attention, attention to the context, and a gated feed-forward layer.
///
/// - Source: diffusers, models/attention.py, BasicTransformerBlock and FeedForward with GEGLU.
struct BasicTransformerBlock {
  let norm1: LayerNorm
  let attention1: Attention
  let norm2: LayerNorm
  let attention2: Attention
  let norm3: LayerNorm
  let feedForwardIn: Linear
  let feedForwardOut: Linear

  init(_ path: ParameterPath, width: Int, contextWidth: Int, headCount: Int) throws {
    norm1 = try LayerNorm(path / "norm1", width: width)
    attention1 = try Attention(path / "attn1", width: width, headCount: headCount)
    norm2 = try LayerNorm(path / "norm2", width: width)
    attention2 = try Attention(
      path / "attn2", width: width, contextWidth: contextWidth, headCount: headCount)
    norm3 = try LayerNorm(path / "norm3", width: width)
    let inner = 4 * width
    feedForwardIn = try Linear(path / "ff" / "net" / 0 / "proj", in: width, out: 2 * inner)
    feedForwardOut = try Linear(path / "ff" / "net" / 2, in: inner, out: width)
  }

  /// x [B, S, C] and context [B, L, D] to [B, S, C].
  func callAsFunction(_ x: Tensor, context: Tensor) throws -> Tensor {
    var x = try attention1(norm1(x)) + x
    x = try attention2(norm2(x), context: context) + x
    return try feedForwardOut(feedForwardIn(norm3(x)).gatedGELU()) + x
  }
}

/// Transformer blocks over the pixels of an image.
///
/// - Source: diffusers, models/transformers/transformer_2d.py, Transformer2DModel.
struct Transformer2DModel {
  /// The projections in and out are 1x1 convolutions in SD 1.x, linear layers in 2.x and XL.
  enum Projection {
    case convolution(Conv2d)
    case linear(Linear)
  }

  let norm: GroupNorm
  let projectionIn: Projection
  let blocks: [BasicTransformerBlock]
  let projectionOut: Projection

  init(
    _ path: ParameterPath, channels: Int, contextWidth: Int, headCount: Int, layerCount: Int,
    linearProjection: Bool, groups: Int
  ) throws {
    func projection(_ name: String) throws -> Projection {
      linearProjection
        ? .linear(try Linear(path / name, in: channels, out: channels))
        : .convolution(try Conv2d(path / name, in: channels, out: channels, kernel: 1))
    }
    norm = try GroupNorm(path / "norm", groups: groups, channels: channels, eps: 1e-6)
    projectionIn = try projection("proj_in")
    blocks = try (0..<layerCount).map {
      try BasicTransformerBlock(
        path / "transformer_blocks" / $0, width: channels, contextWidth: contextWidth,
        headCount: headCount)
    }
    projectionOut = try projection("proj_out")
  }

  /// x [B, C, H, W] and context [B, L, D] to [B, C, H, W].
  func callAsFunction(_ x: Tensor, context: Tensor) throws -> Tensor {
    let shape = x.shape
    var h = try norm(x)
    switch projectionIn {
    case .convolution(let project): h = try project(h).pixels()
    case .linear(let project): h = try project(h.pixels())
    }
    for block in blocks { h = try block(h, context: context) }
    switch projectionOut {
    case .convolution(let project): h = try project(h.image(shape))
    case .linear(let project): h = try project(h).image(shape)
    }
    return try h + x
  }
}
