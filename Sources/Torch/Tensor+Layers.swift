import CTorch

// Shapes: B batch, C channels, H W rows and columns, S sequence, D features, h attention heads.

/// The nonlinearities in use, with transformers' names for them.
public enum Activation: String, Sendable {
  case silu
  case gelu
  /// x sigmoid(1.702 x), CLIP's original.
  case quickGELU = "quick_gelu"
}

extension Tensor {
  /// Applies a nonlinearity to every element.
  public func activated(_ activation: Activation) throws -> Tensor {
    switch activation {
    case .silu: try unary("silu", ct_silu)
    case .gelu: try unary("gelu", ct_gelu)
    case .quickGELU: try self * (self * 1.702).sigmoid()
    }
  }

  /// The first half of the last axis times GELU of the second: [..., 2 D] to [..., D].
  public func gatedGELU() throws -> Tensor { try unary("gatedGELU", ct_gated_gelu) }

  /// 1 / (1 + e^-x) of every element.
  public func sigmoid() throws -> Tensor { try unary("sigmoid", ct_sigmoid) }

  /// input [..., D] times weight [E, D] transposed, plus bias [E].
  public func linear(weight: Tensor, bias: Tensor?) throws -> Tensor {
    OperationCounter.note(.product, self, weight)
    return try ternary("linear", weight, bias, ct_linear)
  }

  /// A weight [E, D, ...] plus `scale` times the product of b [E, r, ...] and a [r, D, ...].
  public func adding(_ b: Tensor, times a: Tensor, scale: Double) throws -> Tensor {
    try ternary("adding", b, a) { ct_low_rank_sum($0, $1, $2, scale, $3) }
  }

  /// Cross-correlation of an image [B, C, H, W] with weight [E, C, k, k], plus bias [E].
  public func conv2d(weight: Tensor, bias: Tensor?, stride: Int = 1, padding: Int = 0) throws
    -> Tensor
  {
    OperationCounter.note(.convolution, self, weight, stride: stride, padding: padding)
    return try ternary("conv2d", weight, bias) {
      ct_conv2d($0, $1, $2, Int64(stride), Int64(padding), $3)
    }
  }

  /// Normalises groups of channels of [B, C, ...], then scales and shifts each channel.
  ///
  /// - Parameter silu: Whether the nonlinearity follows, for which nothing is read or kept twice
  ///   where the channels are last.
  public func groupNorm(
    groupCount: Int, weight: Tensor, bias: Tensor, eps: Double, silu: Bool = false
  ) throws -> Tensor {
    try ternary("groupNorm", weight, bias) {
      ct_group_norm($0, Int64(groupCount), $1, $2, eps, silu, $3)
    }
  }

  /// Normalises over the last axes, those of `weight`, then scales and shifts.
  public func layerNorm(weight: Tensor, bias: Tensor, eps: Double) throws -> Tensor {
    try ternary("layerNorm", weight, bias) { ct_layer_norm($0, $1, $2, eps, $3) }
  }

  /// The rows of this table [V, D] at int64 `indices`: [indices..., D].
  public func embedding(_ indices: Tensor) throws -> Tensor {
    try binary("embedding", indices, ct_embedding)
  }

  /// softmax(Q K^T / sqrt(D)) V for query [B, h, S, D] and key, value [B, h, S', D].
  ///
  /// - Parameter causal: Whether position s sees only positions up to s.
  public func attention(key: Tensor, value: Tensor, causal: Bool = false) throws -> Tensor {
    OperationCounter.note(.attention, self, key, value, isCausal: causal)
    return try ternary("attention", key, value) { ct_attention($0, $1, $2, causal, $3) }
  }

  /// An image [B, C, H, W] with every pixel doubled in both directions: [B, C, 2H, 2W].
  public func upsampledNearest2x() throws -> Tensor {
    try unary("upsampledNearest2x", ct_upsample_nearest2x)
  }

  /// An image [B, C, H, W] at another size by bicubic interpolation, over as many pixels as become
  /// one where it gets smaller; what overshoots the range of the pixels stays.
  ///
  /// - Source: torch.nn.functional.interpolate with mode "bicubic" and antialias.
  public func resizedBicubic(height: Int, width: Int) throws -> Tensor {
    try unary("resizedBicubic to \(height)x\(width)") {
      ct_resize_bicubic($0, Int64(height), Int64(width), $1)
    }
  }
}
