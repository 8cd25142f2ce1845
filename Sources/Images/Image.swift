// H W: rows, columns.

/// A picture in 8-bit RGB.
public struct Image: Sendable, Equatable {
  /// The number of columns, at least 1.
  public let width: Int
  /// The number of rows, at least 1.
  public let height: Int
  /// The samples, [H, W, 3] in row-major order: red, green, blue of the top left pixel first.
  public let pixels: [UInt8]

  /// A picture of the given samples, [H, W, 3].
  public init(width: Int, height: Int, pixels: [UInt8]) {
    precondition(
      width > 0 && height > 0 && pixels.count == width * height * 3,
      "an image of \(width)x\(height) cannot have \(pixels.count) samples")
    self.width = width
    self.height = height
    self.pixels = pixels
  }

  /// The picture reduced by the least whole number that leaves sides of 256 pixels or fewer; as it is
  /// where none does.
  public func thumbnail() -> Image {
    let side = max(width, height)
    let factor = (1...side).first { $0 * 256 >= side && width % $0 == 0 && height % $0 == 0 }
    return reduced(by: factor ?? 1)
  }

  /// The picture at 1 / `factor` of its width and height: each pixel is the mean of a square, rounded.
  ///
  /// Both sides must be multiples of the factor.
  public func reduced(by factor: Int) -> Image {
    precondition(factor > 0 && width % factor == 0 && height % factor == 0)
    guard factor > 1 else { return self }
    let (rows, columns, area) = (height / factor, width / factor, factor * factor)
    var sums = [Int](repeating: 0, count: rows * columns * 3)
    for y in 0..<height {
      for x in 0..<width {
        let (from, to) = ((y * width + x) * 3, (y / factor * columns + x / factor) * 3)
        for channel in 0..<3 { sums[to + channel] += Int(pixels[from + channel]) }
      }
    }
    return Image(
      width: columns, height: rows, pixels: sums.map { UInt8(($0 + area / 2) / area) })
  }
}
