/// Where the objects of a scene lie in a picture.
struct SceneLayout: Sendable {
  /// An object's place, in pixels from the picture's top left corner.
  struct Place: Sendable {
    /// The centre of its bounding box: columns.
    var x: Float
    /// The centre of its bounding box: rows.
    var y: Float
    /// Half its extent.
    var radius: Float
  }

  /// Pixels that stay free along the picture's edge.
  static let margin: Float = 1.5
  /// Pixels that stay free between two objects, along the direction of their relation.
  static let gap: Float = 3
  /// How far the line between two centres may lean away from that direction: a tangent.
  static let lean: Float = 0.4

  /// The places in the order of `Scene.objects`.
  let places: [Place]

  /// A random layout in a picture of `side` by `side` pixels that keeps every object within the
  /// frame and apart from the other, and the relation plain.
  init(of scene: Scene, side: Float, using generator: inout some RandomNumberGenerator) {
    let radii = scene.objects.map { generator.uniform($0.size.radii) }
    guard let relation = scene.neighbour?.relation else {
      let span = Self.span(radius: radii[0], side: side)
      places = [
        Place(x: generator.uniform(span), y: generator.uniform(span), radius: radii[0])
      ]
      return
    }

    // Along the relation: the free pixels are shared out before, between and behind the objects.
    let isFirstBefore = relation.direction.x < 0 || relation.direction.y < 0
    let order = isFirstBefore ? [0, 1] : [1, 0]
    let free = side - 2 * Self.margin - Self.gap - 2 * (radii[0] + radii[1])
    let cuts = [generator.uniform(0...free), generator.uniform(0...free)]
    var along: [Float] = [0, 0]
    along[order[0]] = Self.margin + min(cuts[0], cuts[1]) + radii[order[0]]
    along[order[1]] = side - Self.margin - (free - max(cuts[0], cuts[1])) - radii[order[1]]

    // Across it: the second object within the first one's reach.
    let first = generator.uniform(Self.span(radius: radii[0], side: side))
    let reach = Self.lean * abs(along[1] - along[0])
    let second = generator.uniform(
      Self.span(radius: radii[1], side: side).clamped(to: first - reach...first + reach))
    let across = [first, second]

    let isHorizontal = relation.direction.y == 0
    places = radii.indices.map {
      isHorizontal
        ? Place(x: along[$0], y: across[$0], radius: radii[$0])
        : Place(x: across[$0], y: along[$0], radius: radii[$0])
    }
  }

  private static func span(radius: Float, side: Float) -> ClosedRange<Float> {
    margin + radius...side - margin - radius
  }
}
