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
}
