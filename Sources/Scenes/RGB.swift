/// A colour, each channel in [0, 1].
public struct RGB: Sendable, Hashable {
  /// The share of red.
  public var red: Float
  /// The share of green.
  public var green: Float
  /// The share of blue.
  public var blue: Float

  /// A colour, each channel in [0, 1].
  public init(red: Float, green: Float, blue: Float) {
    self.red = red
    self.green = green
    self.blue = blue
  }

  init(byte red: UInt8, _ green: UInt8, _ blue: UInt8) {
    self.init(red: Float(red) / 255, green: Float(green) / 255, blue: Float(blue) / 255)
  }

  /// The distance to `other` in the cube of RGB, whose edge is 1.
  public func distance(to other: RGB) -> Float {
    squaredDistance(to: other).squareRoot()
  }

  func squaredDistance(to other: RGB) -> Float {
    let difference = self - other
    return difference.dot(difference)
  }

  func dot(_ other: RGB) -> Float {
    red * other.red + green * other.green + blue * other.blue
  }

  static func - (left: RGB, right: RGB) -> RGB {
    RGB(red: left.red - right.red, green: left.green - right.green, blue: left.blue - right.blue)
  }
}
