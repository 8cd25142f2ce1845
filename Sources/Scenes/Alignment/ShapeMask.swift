/// A shape as a set of cells, brought to a standard place and size: its centroid lies in the middle
/// and its area is that of a square of half the mask's side. Rows are bit sets, so that two masks
/// are compared in a few hundred instructions.
struct ShapeMask: Sendable {
  /// Rows and columns.
  static let side = 48
  /// Free bits on both sides of a row's columns, so that shifting a row loses nothing.
  private static let padding = (UInt64.bitWidth - side) / 2

  private let rows: [UInt64]
  /// The cells in the set.
  let cellCount: Int

  /// The cells whose centres `contains` accepts. Coordinates are relative to the centroid, in units
  /// of the square root of the shape's area, and lie in [-1, 1].
  init(contains: (_ x: Float, _ y: Float) -> Bool) {
    let scale = 2 / Float(Self.side)
    rows = (0..<Self.side).map { row in
      (0..<Self.side).reduce(into: UInt64(0)) { bits, column in
        if contains((Float(column) + 0.5) * scale - 1, (Float(row) + 0.5) * scale - 1) {
          bits |= 1 << UInt64(column + Self.padding)
        }
      }
    }
    cellCount = rows.reduce(0) { $0 + $1.nonzeroBitCount }
  }

  /// The intersection with `other` over the union, in [0, 1], best over shifts of up to one cell.
  func overlap(with other: ShapeMask) -> Float {
    var best = 0
    rows.withUnsafeBufferPointer { rows in
      other.rows.withUnsafeBufferPointer { otherRows in
        for shift in -1...1 {
          var shared = (left: 0, center: 0, right: 0)
          for row in max(0, -shift)..<min(Self.side, Self.side - shift) {
            let (bits, otherBits) = (rows[row], otherRows[row + shift])
            shared.left += (bits & otherBits >> 1).nonzeroBitCount
            shared.center += (bits & otherBits).nonzeroBitCount
            shared.right += (bits & otherBits << 1).nonzeroBitCount
          }
          best = max(best, shared.left, shared.center, shared.right)
        }
      }
    }
    return Float(best) / Float(max(1, cellCount + other.cellCount - best))
  }
}
