/// The scales on which the reward judges what it measures.
enum AlignmentScale {
  /// Distance of a colour from the one asked for, in the unit cube of RGB, from right to wrong. A
  /// miss of 0.1 in each channel, 0.17 in all, is still right.
  static let colorMiss: ClosedRange<Float> = 0.18...0.36
  /// Coverage of a pixel from none to whole, so that noise on the background adds no area.
  static let coverage: ClosedRange<Float> = 0.15...0.85
  /// Area in pixels from nothing to an object; a small crescent has 90.
  static let presence: ClosedRange<Float> = 20...70
  /// Overlap with the shape asked for, from a mere blob to that shape.
  static let overlap: ClosedRange<Float> = 0.45...0.86
  /// By how much the asked shape fits better than the likest other, in units of how much the two
  /// differ, from wrong to right: 0 is half-way between the two.
  static let shapeLead: ClosedRange<Float> = -0.4...0.5
  /// What two shapes differ by at least, for that unit; below it noise decides.
  static let leastDifference: Float = 0.1
  /// Radius in pixels from a speck to a small object.
  static let speckToSmall: ClosedRange<Float> = 5...7
  /// Radius in pixels from small to large.
  static let smallToLarge: ClosedRange<Float> = 9.8...11.2
  /// Radius in pixels from a large object to one beyond all bounds.
  static let largeToHuge: ClosedRange<Float> = 16...20
  /// The way between the centres in the relation's direction, as a share of the way in both
  /// directions, from wrong to right.
  static let direction: ClosedRange<Float> = 0.35...0.6
  /// The distance between the centres in sums of the two radii, from one in the other to apart.
  static let separation: ClosedRange<Float> = 0.5...0.9
  /// Pixels that belong to nothing asked for, at which the score falls to 1/e.
  static let strayPixels: Float = 350
  /// Such pixels that are let pass.
  static let freeStrayPixels: Float = 8

  // What is left of the score where one thing is entirely wrong.
  static let wrongBackground: Float = 0.4
  static let wrongRelation: Float = 0.5
  static let wrongShape: Float = 0.35
  static let wrongSize: Float = 0.5
  /// Where one of two objects is missing; its stray pixels and the lost relation weigh besides.
  static let missingObject: Float = 0.35
}

/// 0 below `range`, 1 above it, and straight between.
func ramp(_ value: Float, _ range: ClosedRange<Float>) -> Float {
  min(1, max(0, (value - range.lowerBound) / (range.upperBound - range.lowerBound)))
}

/// `credit` in [0, 1] mapped to `floor`...1.
func credit(_ credit: Float, atLeast floor: Float) -> Float {
  floor + (1 - floor) * credit
}
