import Foundation
import Images
import Rewards

/// How far a picture shows the scene that its prompt asks for, in [0, 1], by looking at the pixels
/// alone; the same picture and prompt always get the same score.
///
/// The score is a product, so that nothing well done makes up for something missing, and each
/// factor but presence keeps a floor, so that every step towards the scene pays:
///
///     score = background * clean * relation * objects
///
/// * background: is the colour along the picture's edge the one asked for?
/// * clean: falls with the pixels that are neither background nor part of an object asked for.
/// * relation: does the line between the objects' centres point the way asked for? 1 for one
///   object.
/// * objects: one object's factor, or for two a mixture of the mean and the product of theirs. A
///   factor is presence (is there a connected region in the colour?) * shape * size.
///
/// A region's shape is compared with all ten at their best-fitting place and size, by intersection
/// over union. It counts by how much better the asked shape fits than the likest other, so that a
/// circle gets no credit for a hexagon though they overlap by nine tenths.
public struct SceneAlignmentReward: Reward {
  /// `scene-alignment` where no other is given.
  public let name: String

  /// The reward; it has no settings.
  public init(name: String = "scene-alignment") {
    self.name = name
  }

  /// Refuses a prompt that is no caption of a scene.
  ///
  /// - Throws: `SceneError`.
  public func check(prompt: String) throws {
    _ = try Scene(caption: prompt)
  }

  /// The alignment of each picture; none is ever missing.
  ///
  /// - Throws: As ``alignments(of:prompts:)``.
  public func score(_ images: [Image], prompts: [String]) throws -> [Score] {
    try alignments(of: images, prompts: prompts).map(Score.value)
  }

  /// A number in [0, 1] for each picture; larger ones are looked at as 64 by 64.
  ///
  /// - Throws: `SceneError` where a picture is no square of a multiple of 64 pixels, the counts
  ///   differ or a prompt is no caption of a scene.
  public func alignments(of images: [Image], prompts: [String]) throws -> [Double] {
    guard images.count == prompts.count else {
      throw SceneError.promptCount(imageCount: images.count, promptCount: prompts.count)
    }
    return try images.indices.map { index in
      let image = images[index]
      let side = SceneRenderer.side
      guard image.width == image.height, image.width % side == 0 else {
        throw SceneError.imageSize(
          imageIndex: index, width: image.width, height: image.height, expected: side)
      }
      let picture = image.reduced(by: image.width / side)
      return Double(Self.score(picture, against: try Scene(caption: prompts[index])))
    }
  }

  static func score(_ image: Image, against scene: Scene) -> Float {
    let picture = ObservedPicture(image)
    let objects = ObservedObject.find(scene.objects.map(\.color.rgb), in: picture)
    let judgements = zip(scene.objects, objects).map { asked, seen in
      seen.map { ObjectJudgement(of: $0, asked: asked) }
    }
    let background =
      1 - ramp(picture.background.distance(to: scene.background.rgb), AlignmentScale.colorMiss)
    return credit(background, atLeast: AlignmentScale.wrongBackground)
      * cleanness(of: picture, besides: objects)
      * credit(relation(in: scene, objects, judgements), atLeast: AlignmentScale.wrongRelation)
      * combined(judgements.map { $0?.score ?? 0 })
  }

  private static func combined(_ scores: [Float]) -> Float {
    let mean = scores.reduce(0, +) / Float(scores.count)
    let product = scores.reduce(1, *)
    let meanShare = 2 * AlignmentScale.missingObject
    return scores.count == 1 ? mean : meanShare * mean + (1 - meanShare) * product
  }

  /// In (0, 1]: how little there is that nobody asked for.
  private static func cleanness(
    of picture: ObservedPicture, besides objects: [ObservedObject?]
  ) -> Float {
    let supports = objects.compactMap { $0?.support }
    var stray: Float = 0
    for pixel in picture.pixels.indices where supports.allSatisfy({ !$0[pixel] }) {
      stray += ramp(
        picture.pixels[pixel].distance(to: picture.background), AlignmentScale.colorMiss)
    }
    let excess = max(0, stray - AlignmentScale.freeStrayPixels)
    return Float(exp(-Double(excess / AlignmentScale.strayPixels)))
  }

  /// In [0, 1]: whether the first object lies where it should, seen from the second; 0 where one of
  /// them is missing.
  private static func relation(
    in scene: Scene, _ objects: [ObservedObject?], _ judgements: [ObjectJudgement?]
  ) -> Float {
    guard let relation = scene.neighbour?.relation else { return 1 }
    guard let first = objects[0], let second = objects[1] else { return 0 }
    let (x, y) = (first.centroid.x - second.centroid.x, first.centroid.y - second.centroid.y)
    let along = x * relation.direction.x + y * relation.direction.y
    let share = along / max(abs(x) + abs(y), 1e-3)
    let separation = (x * x + y * y).squareRoot() / max(first.radius + second.radius, 1e-3)
    return ramp(share, AlignmentScale.direction) * ramp(separation, AlignmentScale.separation)
      * judgements.reduce(1) { $0 * ($1?.presence ?? 0) }
  }
}
