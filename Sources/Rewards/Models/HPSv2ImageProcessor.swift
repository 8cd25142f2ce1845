import Images
import Torch

// Shapes: B batch, S side.

/// Prepares pictures as HPS v2 has them: the longer side is brought to that of the network by bicubic
/// interpolation of values in 0...1, and black is laid around the shorter one.
///
/// The interpolation reaches over all pixels that become one, as torchvision's does since 0.17; the
/// hpsv2 package names no version, and before 0.17 it was coarser.
///
/// - Source: hpsv2 1.2.0, src/open_clip/transform.py, `image_transform` with `resize_longest_max`.
struct HPSv2ImageProcessor {
  /// Rows and columns of what the network sees.
  let side: Int
  /// What is subtracted of each channel, whose values are in 0...1.
  let mean: [Double]
  /// What each channel is divided by then.
  let standardDeviation: [Double]

  /// What the network takes: [B, 3, S, S] in float32 on the CPU.
  func pixels(of images: [Image]) throws -> Tensor {
    let pixels = try Tensor.concatenated(images.map(padded))
    let (mean, deviation) = try (channels(mean), channels(standardDeviation))
    return try (pixels - mean) / deviation
  }

  private func channels(_ values: [Double]) throws -> Tensor {
    try Tensor(values.map { Float($0) }, shape: [1, 3, 1, 1])
  }

  /// [1, 3, S, S] in 0...1.
  private func padded(_ image: Image) throws -> Tensor {
    let values =
      try Tensor(image.pixels, shape: [1, image.height, image.width, 3])
      .permuted([0, 3, 1, 2]).to(dtype: .float32) * (1.0 / 255)
    let scale = Double(side) / Double(max(image.width, image.height))
    // Python rounds halves to even.
    func scaled(_ length: Int) -> Int {
      max(1, Int((Double(length) * scale).rounded(.toNearestOrEven)))
    }
    let (height, width) = (scaled(image.height), scaled(image.width))
    let resized = scale == 1 ? values : try values.resizedBicubic(height: height, width: width)
    let (top, left) = ((side - height) / 2, (side - width) / 2)
    return try resized.padded([left, side - width - left, top, side - height - top])
  }
}
