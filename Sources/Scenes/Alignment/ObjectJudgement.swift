/// How far an observed object is the one asked for.
struct ObjectJudgement {
  /// In [0, 1]: is there anything in the colour asked for?
  let presence: Float
  /// In [0, 1]: the same for its shape.
  let shape: Float
  /// In [0, 1]: the same for its size.
  let size: Float

  init(of seen: ObservedObject, asked: Scene.Object) {
    presence =
      ramp(seen.area, AlignmentScale.presence)
      * (1 - ramp(seen.color.distance(to: asked.color.rgb), AlignmentScale.colorMiss))

    let overlaps = ShapeTemplate.all.map { $0.overlap(with: seen.mask) }
    shape = Self.shapeCredit(overlaps: overlaps, asked: asked.shape)

    size =
      switch asked.size {
      case .small:
        ramp(seen.radius, AlignmentScale.speckToSmall)
          * (1 - ramp(seen.radius, AlignmentScale.smallToLarge))
      case .large:
        ramp(seen.radius, AlignmentScale.smallToLarge)
          * (1 - ramp(seen.radius, AlignmentScale.largeToHuge))
      }
  }

  /// In [0, 1]: the object's factor in the score.
  var score: Float {
    presence * credit(shape, atLeast: AlignmentScale.wrongShape)
      * credit(size, atLeast: AlignmentScale.wrongSize)
  }

  /// - Parameter overlaps: The fit of each shape, in the order of `ShapeTemplate.all`.
  private static func shapeCredit(overlaps: [Float], asked: Scene.Shape) -> Float {
    guard let place = ShapeTemplate.all.firstIndex(where: { $0.shape == asked }) else { return 0 }
    var lead = Float.infinity
    for other in overlaps.indices where other != place {
      let difference = 1 - ShapeTemplate.mutualOverlaps[place][other]
      lead = min(
        lead,
        (overlaps[place] - overlaps[other]) / max(difference, AlignmentScale.leastDifference))
    }
    return ramp(lead, AlignmentScale.shapeLead) * ramp(overlaps[place], AlignmentScale.overlap)
  }
}
