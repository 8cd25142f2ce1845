// H W: rows, columns.

extension Image {
  /// The picture at another size by bicubic interpolation, over as many pixels as become one where
  /// it gets smaller: the pixels that Pillow 13 computes, bit for bit.
  ///
  /// Rows are resized before columns, with levels rounded in between, but where the height shrinks by
  /// far more than the width. Earlier versions of Pillow made no such difference.
  ///
  /// - Source: Pillow, src/libImaging/Resample.c, and its pull request 9549.
  public func resized(width newWidth: Int, height newHeight: Int) -> Image {
    precondition(newWidth > 0 && newHeight > 0, "an image of \(newWidth)x\(newHeight)")
    let isHeightFirst = newHeight < height && height - newHeight > 2 * (width - newWidth)
    return isHeightFirst
      ? withHeight(newHeight).withWidth(newWidth) : withWidth(newWidth).withHeight(newHeight)
  }

  private func withWidth(_ newWidth: Int) -> Image {
    if newWidth == width { return self }
    let weights = BicubicWeights(from: width, to: newWidth)
    return Image(
      width: newWidth, height: height, pixels: weights.alongRows(pixels, rows: height))
  }

  private func withHeight(_ newHeight: Int) -> Image {
    if newHeight == height { return self }
    let weights = BicubicWeights(from: height, to: newHeight)
    return Image(
      width: width, height: newHeight,
      pixels: weights.alongColumns(pixels, columnSamples: width * 3))
  }

  /// The rectangle of `width` columns and `height` rows with its top left pixel at (`left`, `top`),
  /// which must lie within the picture.
  public func cropped(left: Int, top: Int, width newWidth: Int, height newHeight: Int) -> Image {
    precondition(
      left >= 0 && top >= 0 && left + newWidth <= width && top + newHeight <= height,
      "\(newWidth)x\(newHeight) at (\(left), \(top)) is not within \(width)x\(height)")
    let rows = (top..<top + newHeight).map { row in
      let start = (row * width + left) * 3
      return pixels[start..<start + newWidth * 3]
    }
    return Image(width: newWidth, height: newHeight, pixels: Array(rows.joined()))
  }
}

/// How much each sample of a line counts towards each sample of the line resized, in 2^-22.
private struct BicubicWeights {
  /// The samples that count towards one, and where their weights begin.
  private struct Span {
    let first: Int
    let count: Int
    let weight: Int
  }

  private static let precisionBits: Int32 = 22
  /// Samples to each side that a pixel counts for, at its own size.
  private static let reach = 2.0

  private let oldCount: Int
  private var spans: [Span] = []
  private var weights: [Int32] = []

  /// The weights of Pillow's `precompute_coeffs` and `normalize_coeffs_8bpc`.
  init(from oldCount: Int, to newCount: Int) {
    self.oldCount = oldCount
    let scale = Double(oldCount) / Double(newCount)
    let width = max(scale, 1)
    let reach = Self.reach * width
    for index in 0..<newCount {
      let center = (Double(index) + 0.5) * scale
      let first = max(Int(center - reach + 0.5), 0)
      let end = min(Int(center + reach + 0.5), oldCount)
      var values = (first..<end).map { Self.cubic((Double($0) - center + 0.5) * (1 / width)) }
      let sum = values.reduce(0, +)
      if sum != 0 { values = values.map { $0 / sum } }
      spans.append(Span(first: first, count: values.count, weight: weights.count))
      weights += values.map {
        Int32(($0 < 0 ? -0.5 : 0.5) + $0 * Double(1 << Self.precisionBits))
      }
    }
  }

  /// Keys' cubic with a = -1/2.
  private static func cubic(_ x: Double) -> Double {
    let (x, a) = (abs(x), -0.5)
    if x < 1 { return ((a + 2) * x - (a + 3)) * x * x + 1 }
    if x < 2 { return (((x - 5) * x + 8) * x - 4) * a }
    return 0
  }

  /// [rows, old, 3] to [rows, new, 3].
  func alongRows(_ samples: [UInt8], rows: Int) -> [UInt8] {
    lines(of: samples, count: rows * spans.count * 3) { source, target in
      for row in 0..<rows {
        for (column, span) in spans.enumerated() {
          for channel in 0..<3 {
            target[(row * spans.count + column) * 3 + channel] = sum(
              source, from: (row * oldCount + span.first) * 3 + channel, by: 3, span)
          }
        }
      }
    }
  }

  /// [old, columnSamples] to [new, columnSamples].
  func alongColumns(_ samples: [UInt8], columnSamples: Int) -> [UInt8] {
    lines(of: samples, count: spans.count * columnSamples) { source, target in
      for (row, span) in spans.enumerated() {
        for column in 0..<columnSamples {
          target[row * columnSamples + column] = sum(
            source, from: span.first * columnSamples + column, by: columnSamples, span)
        }
      }
    }
  }

  private func lines(
    of samples: [UInt8], count: Int,
    _ fill: (UnsafeBufferPointer<UInt8>, UnsafeMutableBufferPointer<UInt8>) -> Void
  ) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: count) { target, filled in
      samples.withUnsafeBufferPointer { fill($0, target) }
      filled = count
    }
  }

  /// One sample: the weighted sum, rounded and kept in 0...255.
  private func sum(
    _ source: UnsafeBufferPointer<UInt8>, from start: Int, by stride: Int, _ span: Span
  ) -> UInt8 {
    var sum: Int32 = 1 << (Self.precisionBits - 1)
    for index in 0..<span.count {
      sum &+= Int32(source[start + index * stride]) &* weights[span.weight + index]
    }
    return UInt8(clamping: sum >> Self.precisionBits)
  }
}
