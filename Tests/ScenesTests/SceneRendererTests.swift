import Images
import Testing

@testable import Scenes

@Suite struct SceneRendererTests {
  private func samples(_ scene: Scene, key: UInt64) -> [Float] {
    var generator = KeyedGenerator(key: key)
    return [Float](unsafeUninitializedCapacity: SceneRenderer.sampleCount) { buffer, count in
      buffer.initialize(repeating: .nan)
      SceneRenderer.render(scene, layout: &generator, into: buffer)
      count = SceneRenderer.sampleCount
    }
  }

  @Test func theSameSequenceGivesTheSamePicture() {
    let scene = TestScenes.sample(1, key: 1)[0]
    let pictures = [5, 5, 6].map { TestScenes.picture(of: scene, key: $0) }
    #expect(pictures[0] == pictures[1])
    #expect(pictures[0] != pictures[2])
  }

  @Test func floatSamplesAreThePictureBeforeRounding() {
    for (key, scene) in TestScenes.sample(6, key: 2).enumerated() {
      let image = TestScenes.picture(of: scene, key: UInt64(key))
      let samples = samples(scene, key: UInt64(key))
      let plane = SceneRenderer.side * SceneRenderer.side
      var largestMiss: Float = 0
      for pixel in 0..<plane {
        for channel in 0..<3 {
          let level = Float(image.pixels[pixel * 3 + channel]) / 127.5 - 1
          largestMiss = max(largestMiss, abs(level - samples[channel * plane + pixel]))
        }
      }
      // Half a step of 8 bits, and float32's rounding.
      #expect(largestMiss <= 0.5 / 127.5 + 1e-6)
    }
  }

  @Test(arguments: Scene.Shape.allCases)
  func theOutlineFillsItsBoundingBox(shape: Scene.Shape) {
    var (left, right, top, bottom): (Float, Float, Float, Float) = (9, -9, 9, -9)
    for row in -120...120 {
      for column in -120...120 {
        let (x, y) = (Float(column) / 100, Float(row) / 100)
        guard shape.distance(x, y) < 0 else { continue }
        (left, right) = (min(left, x), max(right, x))
        (top, bottom) = (min(top, y), max(bottom, y))
      }
    }
    #expect(left >= -1.005 && right <= 1.005 && top >= -1.005 && bottom <= 1.005)
    // The larger extent is nearly the whole of it, and the box is centred.
    #expect(max(right - left, bottom - top) > 1.74)
    #expect(abs(left + right) < 0.06 && abs(top + bottom) < 0.06)
  }

  @Test(arguments: [
    (Scene.Shape.circle, Float(0.5), Float(0), Float(-0.5)), (.circle, 3, 4, 4),
    (.square, 1, 0.2, 0.1), (.ring, 0.74, 0, -0.26), (.ring, 0, 0, 0.48),
    (.cross, 0.34, 0.34, 0), (.hexagon, 0, 1, 0.133_974_6), (.triangle, 0, 0.95, 0.1),
    (.diamond, 0, 1, 0), (.diamond, 0.8, 0, 0), (.star, 0, -0.95, 0), (.crescent, 0.705, 0, 0.8),
  ])
  func distancesAreAsComputedByHand(shape: Scene.Shape, x: Float, y: Float, distance: Float) {
    // Float32's rounding of coordinates near 1.
    #expect(abs(shape.distance(x, y) - distance) < 2e-6)
  }

  @Test func objectsKeepWithinTheFrameApartAndInTheirRelation() throws {
    var generator = KeyedGenerator(key: 3)
    for scene in TestScenes.sample(1500, key: 3) {
      let layout = SceneLayout(of: scene, side: 64, using: &generator)
      for (object, place) in zip(scene.objects, layout.places) {
        #expect(object.size.radii.contains(place.radius))
        for center in [place.x, place.y] {
          #expect(center - place.radius > 1.49 && center + place.radius < 62.51)
        }
      }
      guard let relation = scene.neighbour?.relation else { continue }
      let (first, second) = (layout.places[0], layout.places[1])
      let (x, y) = (first.x - second.x, first.y - second.y)
      let along = x * relation.direction.x + y * relation.direction.y
      let across = abs(x * relation.direction.y) + abs(y * relation.direction.x)
      #expect(along > first.radius + second.radius + 2.99)
      #expect(across <= 0.401 * along)
    }
  }

  @Test func theEdgeIsBackgroundAndTheMiddleOfAnObjectItsColour() {
    let scene = Scene(
      object: .init(size: .large, color: .green, shape: .square), background: .beige)
    let image = TestScenes.picture(of: scene, key: 1)
    let colors = stride(from: 0, to: image.pixels.count, by: 3).map {
      Array(image.pixels[$0..<$0 + 3])
    }
    #expect(colors.prefix(64).allSatisfy { $0 == [228, 200, 146] })
    // A square of half side 0.9 * 13...14 has 547 to 635 pixels, of which the rim is mixed.
    #expect((460...635).contains(colors.filter { $0 == [0, 145, 45] }.count))
  }

  @Test func coloursLieWellApart() {
    let colors =
      Scene.Color.allCases.map(\.rgb) + Scene.Background.allCases.map(\.rgb)
    for (index, color) in colors.enumerated() {
      for other in colors[..<index] {
        #expect(color.distance(to: other) > 0.45)
      }
    }
  }

  @Test func theKeyedSequenceIsSplitMix64() {
    // The reference implementation's first numbers for the seed 1234567.
    var generator = KeyedGenerator(key: 1_234_567)
    #expect(
      (0..<3).map { _ in generator.next() }
        == [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423])
  }
}
