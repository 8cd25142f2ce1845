import Torch
import TorchNN

// Shapes: B batch, C channels, H W rows and columns, E width of the time embedding.

/// Two convolutions with a residual connection, shifted by the time embedding where there is one.
///
/// - Source: diffusers, models/resnet.py, ResnetBlock2D.
struct ResnetBlock2D {
  let norm1: GroupNorm
  let conv1: Conv2d
  let timeProjection: Linear?
  let norm2: GroupNorm
  let conv2: Conv2d
  let shortcut: Conv2d?

  init(
    _ path: ParameterPath, in inChannels: Int, out outChannels: Int, timeWidth: Int?, groups: Int,
    eps: Double
  ) throws {
    norm1 = try GroupNorm(path / "norm1", groups: groups, channels: inChannels, eps: eps)
    conv1 = try Conv2d(path / "conv1", in: inChannels, out: outChannels, kernel: 3)
    timeProjection = try timeWidth.map {
      try Linear(path / "time_emb_proj", in: $0, out: outChannels)
    }
    norm2 = try GroupNorm(path / "norm2", groups: groups, channels: outChannels, eps: eps)
    conv2 = try Conv2d(path / "conv2", in: outChannels, out: outChannels, kernel: 3)
    shortcut =
      inChannels == outChannels
      ? nil : try Conv2d(path / "conv_shortcut", in: inChannels, out: outChannels, kernel: 1)
  }

  /// x [B, in, H, W] and the time embedding after its nonlinearity [B, E] to [B, out, H, W].
  func callAsFunction(_ x: Tensor, time: Tensor? = nil) throws -> Tensor {
    var h = try conv1(norm1(x, silu: true))
    if let timeProjection, let time {
      let shift = try timeProjection(time)
      h = try h + shift.reshaped(shift.shape + [1, 1])
    }
    h = try conv2(norm2(h, silu: true))
    return try (shortcut?(x) ?? x) + h
  }
}

/// Halves an image's sides with a convolution of stride 2.
///
/// - Source: diffusers, models/downsampling.py, Downsample2D.
struct Downsample2D {
  let conv: Conv2d
  let padsEnd: Bool

  /// - Parameter padsEnd: Pads right and below only, as the autoencoder does, not all around.
  init(_ path: ParameterPath, channels: Int, padsEnd: Bool = false) throws {
    conv = try Conv2d(
      path / "conv", in: channels, out: channels, kernel: 3, stride: 2, padding: padsEnd ? 0 : 1)
    self.padsEnd = padsEnd
  }

  func callAsFunction(_ x: Tensor) throws -> Tensor {
    try conv(padsEnd ? x.padded([0, 1, 0, 1]) : x)
  }
}

/// Doubles an image's sides by repetition, then convolves.
///
/// - Source: diffusers, models/upsampling.py, Upsample2D.
struct Upsample2D {
  let conv: Conv2d

  init(_ path: ParameterPath, channels: Int) throws {
    conv = try Conv2d(path / "conv", in: channels, out: channels, kernel: 3)
  }

  func callAsFunction(_ x: Tensor) throws -> Tensor {
    try conv(x.upsampledNearest2x())
  }
}
