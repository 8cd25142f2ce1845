extension Scene.Shape {
  /// The signed distance of the point (`x`, `y`) to the outline, negative inside. An object's half
  /// extent is 1, its bounding box is centred on the origin and `y` grows downwards. Near the
  /// outline this is the Euclidean distance but for sharp corners, where it is smaller outside:
  /// enough to anti-alias by.
  func distance(_ x: Float, _ y: Float) -> Float {
    switch self {
    case .circle:
      return length(x, y) - 1
    case .square:
      return max(abs(x), abs(y)) - 0.9
    case .triangle:
      // Apex (0, -0.9), base from (-1, 0.85) to (1, 0.85): one side's line, and the base's.
      return max((1.75 * abs(x) - (y + 0.9)) / length(1.75, 1), y - 0.85)
    case .star:
      return starDistance(x, y)
    case .heart:
      // A square on its corner, and on each of its upper sides a disc.
      let half: Float = 0.57
      let (x, y) = (abs(x), y - 0.083)
      let square = max(abs(x + y), abs(x - y)) * sin45 - half
      let discOffset = half * sin45
      return min(square, length(x - discOffset, y + discOffset) - half)
    case .cross:
      return max(max(abs(x), abs(y)) - 0.97, min(abs(x), abs(y)) - 0.34)
    case .ring:
      return abs(length(x, y) - 0.74) - 0.26
    case .diamond:
      return (abs(x) / 0.8 + abs(y) - 1) / length(1 / 0.8, 1)
    case .crescent:
      // A disc, less another that covers its right side.
      let x = x - 0.205
      return max(length(x, y) - 0.98, 0.8 - length(x - 0.5, y))
    case .hexagon:
      return max(abs(y), abs(x) * sin60 + abs(y) / 2) - sin60
    }
  }
}

private let sin45: Float = 0.707_106_8
private let sin60: Float = 0.866_025_4

private func length(_ x: Float, _ y: Float) -> Float {
  (x * x + y * y).squareRoot()
}

/// A five-pointed star, one point up: mirrored into the sector of half a point, where the outline
/// is one line from the tip to the notch.
private func starDistance(_ x: Float, _ y: Float) -> Float {
  let outer: Float = 1.05
  let inner: Float = 0.49
  let (sin36, cos36): (Float, Float) = (0.587_785_25, 0.809_017)
  // The tip lies at (0, outer) once y grows upwards; the bounding box is centred on the origin.
  var (x, y) = (abs(x), 0.1 - y)
  let right = max(x * cos36 - y * sin36, 0)
  (x, y) = (x - 2 * right * cos36, y + 2 * right * sin36)
  let left = max(-x * cos36 - y * sin36, 0)
  (x, y) = (x + 2 * left * cos36, y + 2 * left * sin36)
  x = abs(x)
  let (edgeX, edgeY) = (inner * sin36, inner * cos36 - outer)
  return (edgeX * (y - outer) - edgeY * x) / length(edgeX, edgeY)
}
