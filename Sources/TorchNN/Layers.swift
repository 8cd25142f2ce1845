import Torch

// Shapes: B batch, C channels, H W rows and columns, S sequence, D features.

/// A linear map of the last axis: weight [out, in], bias [out].
public struct Linear {
  let weight: Tensor
  let bias: Tensor?
  let adapter: LoRAAdapter?

  /// The layer whose parameters are at `path`.
  public init(_ path: ParameterPath, in inCount: Int, out outCount: Int, bias: Bool = true) throws {
    let start = Initialization.uniform(fanIn: inCount)
    weight = try path.parameter("weight", shape: [outCount, inCount], start)
    self.bias = bias ? try path.parameter("bias", shape: [outCount], start) : nil
    adapter = try path.adapter(inShape: [inCount], outShape: [outCount, inCount])
  }

  /// [..., in] to [..., out].
  public func callAsFunction(_ x: Tensor) throws -> Tensor {
    let layer = { (weight: Tensor) in try x.linear(weight: weight, bias: bias) }
    guard let adapter else { return try layer(weight) }
    return try adapter.adapting(layer, weight, placeCount: x.count / weight.shape[1]) { a, b in
      try x.linear(weight: a, bias: nil).linear(weight: b, bias: nil)
    }
  }
}

/// A square convolution of images: weight [out, in, k, k], bias [out].
public struct Conv2d {
  let weight: Tensor
  let bias: Tensor?
  let stride: Int
  let padding: Int
  let adapter: LoRAAdapter?

  /// The layer whose parameters are at `path`.
  ///
  /// - Parameters:
  ///   - kernel: The side k.
  ///   - padding: Zeros on every side; enough to keep the size by default.
  public init(
    _ path: ParameterPath, in inCount: Int, out outCount: Int, kernel: Int, stride: Int = 1,
    padding: Int? = nil, bias: Bool = true
  ) throws {
    let start = Initialization.uniform(fanIn: inCount * kernel * kernel)
    let shape = [outCount, inCount, kernel, kernel]
    weight = try path.parameter("weight", shape: shape, start)
    self.bias = bias ? try path.parameter("bias", shape: [outCount], start) : nil
    self.stride = stride
    self.padding = padding ?? kernel / 2
    adapter = try path.adapter(
      inShape: [inCount, kernel, kernel], outShape: [outCount, inCount, 1, 1])
  }

  /// The type of the weights.
  public var dtype: DType { weight.dtype }

  /// [B, in, H, W] to [B, out, H / stride, W / stride].
  public func callAsFunction(_ x: Tensor) throws -> Tensor {
    let layer = { (weight: Tensor, bias: Tensor?) in
      try x.conv2d(weight: weight, bias: bias, stride: stride, padding: padding)
    }
    guard let adapter else { return try layer(weight, bias) }
    let placeCount = x.count / x.shape[1] / (stride * stride)
    return try adapter.adapting({ try layer($0, bias) }, weight, placeCount: placeCount) { a, b in
      try layer(a, nil).conv2d(weight: b, bias: nil)
    }
  }
}

/// Normalisation over groups of channels.
public struct GroupNorm {
  let weight: Tensor
  let bias: Tensor
  let groupCount: Int
  let eps: Double

  /// The layer whose parameters, [channels] each, are at `path`.
  public init(_ path: ParameterPath, groups: Int, channels: Int, eps: Double) throws {
    weight = try path.parameter("weight", shape: [channels], .ones)
    bias = try path.parameter("bias", shape: [channels], .zeros)
    groupCount = groups
    self.eps = eps
  }

  /// [B, C, ...] to the same shape, through SiLU where that follows.
  public func callAsFunction(_ x: Tensor, silu: Bool = false) throws -> Tensor {
    try x.groupNorm(groupCount: groupCount, weight: weight, bias: bias, eps: eps, silu: silu)
  }
}

/// Normalisation over the last axis.
public struct LayerNorm {
  let weight: Tensor
  let bias: Tensor
  let eps: Double

  /// The layer whose parameters, [width] each, are at `path`.
  public init(_ path: ParameterPath, width: Int, eps: Double = 1e-5) throws {
    weight = try path.parameter("weight", shape: [width], .ones)
    bias = try path.parameter("bias", shape: [width], .zeros)
    self.eps = eps
  }

  /// [..., width] to the same shape.
  public func callAsFunction(_ x: Tensor) throws -> Tensor {
    try x.layerNorm(weight: weight, bias: bias, eps: eps)
  }
}

/// A table with a row for each index.
public struct Embedding {
  let weight: Tensor

  /// The table [count, width] at `path`, which starts normal with deviation 0.02 as CLIP's does.
  public init(_ path: ParameterPath, count: Int, width: Int) throws {
    weight = try path.parameter(
      "weight", shape: [count, width], .normal(standardDeviation: 0.02))
  }

  /// Every row: [count, width].
  public var all: Tensor { weight }

  /// int64 indices [...] to rows [..., width].
  public func callAsFunction(_ indices: Tensor) throws -> Tensor {
    try weight.embedding(indices)
  }
}
