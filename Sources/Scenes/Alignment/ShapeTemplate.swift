/// A shape of the embedded world as masks are compared with it.
struct ShapeTemplate: Sendable {
  /// The shape.
  let shape: Scene.Shape
  /// The shape at a few sizes around the standard one.
  private let masks: [ShapeMask]
  private let standard: ShapeMask

  /// All shapes, in the order of `Scene.Shape.allCases`.
  static let all = Scene.Shape.allCases.map(ShapeTemplate.init)

  /// For each pair of shapes how far their masks overlap at best: [10, 10] in the order of `all`.
  static let mutualOverlaps = all.map { shown in
    all.map { asked in asked.overlap(with: shown.standard) }
  }

  private init(of shape: Scene.Shape) {
    // Sums over a fine grid on [-1.1, 1.1] in both directions.
    let steps = 110
    let step = 2.2 / Float(steps)
    var (area, sumX, sumY): (Float, Float, Float) = (0, 0, 0)
    for row in 0..<steps {
      for column in 0..<steps {
        let (x, y) = ((Float(column) + 0.5) * step - 1.1, (Float(row) + 0.5) * step - 1.1)
        guard shape.distance(x, y) < 0 else { continue }
        area += 1
        sumX += x
        sumY += y
      }
    }
    let (centerX, centerY) = (sumX / area, sumY / area)
    let areaRoot = area.squareRoot() * step

    func mask(scale: Float) -> ShapeMask {
      let unit = areaRoot / scale
      return ShapeMask { x, y in shape.distance(centerX + x * unit, centerY + y * unit) < 0 }
    }
    self.shape = shape
    standard = mask(scale: 1)
    masks = [0.88, 0.94, 1, 1.06, 1.12].map(mask)
  }

  /// How far the shape, at its best place and size, overlaps `mask`: intersection over union.
  func overlap(with mask: ShapeMask) -> Float {
    masks.reduce(0) { max($0, $1.overlap(with: mask)) }
  }
}
