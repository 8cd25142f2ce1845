import Torch
import TorchNN

// Shapes: B batch, S S' sequences, D features, h heads.

/// Multi-head attention from a sequence to itself or to a context.
///
/// - Source: diffusers, models/attention_processor.py, Attention.
struct Attention {
  let query: Linear
  let key: Linear
  let value: Linear
  let out: Linear
  let headCount: Int

  /// - Parameters:
  ///   - contextWidth: The features of what is attended to; those of the sequence by default.
  ///   - bias: Whether the three input projections have one; the output's always has.
  init(
    _ path: ParameterPath, width: Int, contextWidth: Int? = nil, headCount: Int, bias: Bool = false
  ) throws {
    let contextWidth = contextWidth ?? width
    // Autoencoders of 2022 have other names; diffusers reads them too.
    let isOld = (path / "proj_attn").contains("weight")
    func child(_ name: String, _ old: String) -> ParameterPath { path / (isOld ? old : name) }
    query = try Linear(child("to_q", "query"), in: width, out: width, bias: bias)
    key = try Linear(child("to_k", "key"), in: contextWidth, out: width, bias: bias)
    value = try Linear(child("to_v", "value"), in: contextWidth, out: width, bias: bias)
    out = try Linear(child("to_out.0", "proj_attn"), in: width, out: width)
    self.headCount = headCount
  }

  /// x [B, S, D] attends to context [B, S', D'], or to itself: [B, S, D].
  func callAsFunction(_ x: Tensor, context: Tensor? = nil) throws -> Tensor {
    let context = context ?? x
    let attended = try heads(query(x)).attention(
      key: heads(key(context)), value: heads(value(context)))
    return try out(attended.permuted([0, 2, 1, 3]).reshaped(x.shape))
  }

  /// [B, S, D] to [B, h, S, D / h].
  private func heads(_ x: Tensor) throws -> Tensor {
    let (batch, length, width) = (x.shape[0], x.shape[1], x.shape[2])
    return try x.reshaped([batch, length, headCount, width / headCount]).permuted([0, 2, 1, 3])
  }
}

/// Self-attention over the pixels of an image with one head, inside the autoencoder.
///
/// - Source: diffusers, models/attention_processor.py, Attention with `residual_connection`.
struct SpatialAttention {
  let norm: GroupNorm
  let attention: Attention

  init(_ path: ParameterPath, channels: Int, groups: Int, eps: Double) throws {
    norm = try GroupNorm(path / "group_norm", groups: groups, channels: channels, eps: eps)
    attention = try Attention(path, width: channels, headCount: 1, bias: true)
  }

  /// [B, C, H, W] to the same shape.
  func callAsFunction(_ x: Tensor) throws -> Tensor {
    let shape = x.shape
    return try attention(norm(x).pixels()).image(shape) + x
  }
}
