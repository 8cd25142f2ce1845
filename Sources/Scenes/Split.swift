/// Which prompts may be trained on.
public enum Split: Sendable, CaseIterable {
  /// May be trained on.
  case training
  /// Never trained on, though each object by itself is: 2 % of the scenes without a held-out pair.
  case heldOut
  /// Never trained on: at least one object is a held-out pair of colour and shape.
  case heldOutPairs

  /// Where `scene` belongs. Both templates of a scene and its mirror image in words ("A above B"
  /// and "B below A", which the same pictures show) fall on the same side.
  public init(of scene: Scene) {
    if scene.objects.contains(where: { Self.heldOutShapes[$0.color] == $0.shape }) {
      self = .heldOutPairs
      return
    }
    let indices = [scene, scene.mirrored].compactMap(\.self).map(ScenePrompts.sceneIndex)
    let identity = UInt64(indices.reduce(.max, min))
    let isHeldOut = KeyedGenerator.hash(identity, key: Self.key) < UInt64.max / 50
    self = isHeldOut ? .heldOut : .training
  }

  /// The held-out pairs: for each colour the shape, each shape once, that it is never trained with.
  public static let heldOutShapes: [Scene.Color: Scene.Shape] = [
    .red: .star,
    .orange: .hexagon,
    .yellow: .crescent,
    .lime: .triangle,
    .green: .heart,
    .cyan: .cross,
    .blue: .diamond,
    .purple: .circle,
    .pink: .square,
    .brown: .ring,
  ]

  /// The key of the hash that holds scenes out; with another key other scenes would be.
  private static let key: UInt64 = 0x5CE1_E5
}

extension ScenePrompts {
  /// A random prompt of `split`, with one object in about `oneObjectShare` of the cases.
  ///
  /// - Parameters:
  ///   - split: What the prompt may be drawn from.
  ///   - oneObjectShare: A probability, in [0, 1]. Scenes of one object are only one in a thousand.
  ///   - generator: What decides.
  public static func random(
    from split: Split, oneObjectShare: Float, using generator: inout some RandomNumberGenerator
  ) -> ScenePrompt {
    let range = generator.unit() < oneObjectShare ? 0..<oneObjectCount : oneObjectCount..<count
    while true {
      let prompt = prompt(at: range.lowerBound + generator.below(range.count))
      if Split(of: prompt.scene) == split { return prompt }
    }
  }
}
