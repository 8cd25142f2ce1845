import Images
import Testing

@testable import Scenes

@Suite struct SceneAlignmentRewardTests {
  private let reward = SceneAlignmentReward()

  private func score(_ image: Image, _ scene: Scene) throws -> Double {
    try reward.alignments(of: [image], prompts: [scene.caption(.plain)])[0]
  }

  /// The scores of `count` random scenes against pictures that `picture` makes of them.
  private func scores(
    _ count: Int, key: UInt64, _ picture: (_ scene: Scene, _ key: UInt64) -> Image
  ) throws -> [Double] {
    try TestScenes.sample(count, key: key).enumerated().map { index, scene in
      try score(picture(scene, key << 32 + UInt64(index)), scene)
    }
  }

  private func mean(_ scores: [Double]) -> Double {
    scores.reduce(0, +) / Double(scores.count)
  }

  @Test func trueRenderingsScoreOne() throws {
    let scores = try scores(100, key: 1, TestScenes.picture)
    #expect(mean(scores) >= 0.99)
    #expect(scores.allSatisfy { (0.88...1).contains($0) }, "\(scores.sorted()[0])")
  }

  @Test func noiseCostsNextToNothing() throws {
    var generator = KeyedGenerator(key: 2)
    let scores = try scores(60, key: 2) {
      TestScenes.picture(of: $0, key: $1).withNoise(0.03, using: &generator)
    }
    #expect(mean(scores) >= 0.98)
  }

  @Test(arguments: [(25, 25, 25), (-25, 25, -25), (-25, -25, 25)])
  func aTintOfATenthCostsNextToNothing(red: Int, green: Int, blue: Int) throws {
    let scores = try scores(25, key: 3) {
      TestScenes.picture(of: $0, key: $1).shifted(red: red, green: green, blue: blue)
    }
    #expect(mean(scores) >= 0.98)
  }

  @Test func thePromptOfAnotherSceneScoresNextToNothing() throws {
    let scenes = TestScenes.sample(100, key: 4)
    let scores = try scenes.indices.map { index in
      try score(
        TestScenes.picture(of: scenes[index], key: UInt64(index)),
        scenes[(index + 1) % scenes.count])
    }
    // The bound asked for is 0.15; thousands of pairs measured 0.01.
    #expect(mean(scores) < 0.05)
  }

  @Test(arguments: [(1, 4), (2, 8)])
  func eachFurtherErrorLowersTheScore(objectCount: Int, attributeCount: Int) throws {
    var generator = KeyedGenerator(key: 5)
    let scenes = TestScenes.sample(
      40, key: UInt64(objectCount), oneObjectShare: objectCount == 1 ? 1 : 0)
    // Beyond four errors all are near 0, and the order is noise in a sample this small.
    let means = try (0...min(4, attributeCount)).map { errorCount in
      try mean(
        scenes.enumerated().map { index, scene in
          let shown = scene.changing(errorCount, of: attributeCount, using: &generator)
          return try score(TestScenes.picture(of: shown, key: UInt64(index)), scene)
        })
    }
    for (fewer, more) in zip(means, means.dropFirst()) {
      #expect(more < 0.9 * fewer, "\(means)")
    }
  }

  @Test func eachSingleErrorHasItsPrice() throws {
    let asked = try Scene(
      caption: "a small red circle above a large blue square on a white background")
    // Exact products of the floors where nothing else is touched.
    let cases: [(caption: String, range: ClosedRange<Double>)] = [
      ("a small red circle above a large blue square on a white background", 0.99...1),
      ("a small red circle above a large blue square on a gray background", 0.39...0.41),
      ("a small red circle below a large blue square on a white background", 0.49...0.51),
      ("a small red circle left of a large blue square on a white background", 0.49...0.51),
      ("a small red ring above a large blue square on a white background", 0.55...0.61),
      ("a large red circle above a large blue square on a white background", 0.66...0.69),
      ("a small lime circle above a large blue square on a white background", 0.05...0.2),
      ("a large blue square on a white background", 0.17...0.18),
    ]
    for (caption, range) in cases {
      let score = try score(TestScenes.picture(of: Scene(caption: caption), key: 6), asked)
      #expect(range.contains(score), "\(caption): \(score)")
    }
  }

  @Test(arguments: Scene.Size.allCases)
  func everyShapeIsToldFromEveryOther(size: Scene.Size) throws {
    for shown in Scene.Shape.allCases {
      let object = Scene.Object(size: size, color: .blue, shape: shown)
      let image = TestScenes.picture(of: Scene(object: object, background: .white), key: 7)
      let seen = try #require(
        ObservedObject.find([object.color.rgb], in: ObservedPicture(image))[0])
      for asked in Scene.Shape.allCases {
        let judgement = ObjectJudgement(
          of: seen, asked: .init(size: size, color: .blue, shape: asked))
        #expect(judgement.size == 1)
        #expect(
          asked == shown ? judgement.shape > 0.85 : judgement.shape < 0.05,
          "\(shown) for \(asked): \(judgement.shape)")
      }
    }
  }

  @Test func blurLowersTheScoreGradually() throws {
    let means = try [0, 1, 1.5, 2, 3].map { deviation in
      try mean(
        scores(16, key: 8) {
          let image = TestScenes.picture(of: $0, key: $1)
          return deviation == 0 ? image : image.blurred(deviation)
        })
    }
    for (sharper, softer) in zip(means, means.dropFirst()) {
      #expect(softer < sharper, "\(means)")
    }
    #expect(means[1] > 0.9 && means[2] > 0.7 && means[3] > 0.4 && means[4] > 0.1, "\(means)")
  }

  @Test(arguments: [
    (Scene.Shape.circle, Scene.Shape.hexagon), (.square, .diamond), (.circle, .ring),
    (.heart, .triangle), (.star, .circle), (.cross, .square),
  ])
  func aShapeHalfWayToAnotherScoresBetweenThem(first: Scene.Shape, second: Scene.Shape) throws {
    let scene = Scene(
      object: .init(size: .large, color: .red, shape: first), background: .white)
    let scores = try [0, 0.25, 0.5, 0.75, 1].map { share in
      try score(
        TestScenes.morph(
          first, second, share: share, color: Scene.Color.red.rgb,
          background: Scene.Background.white.rgb),
        scene)
    }
    for (nearer, farther) in zip(scores, scores.dropFirst()) {
      // Outlines in between may be a little smaller than both, which costs some of the size's
      // credit.
      #expect(farther <= nearer + 0.03, "\(scores)")
    }
    #expect(scores[0] > 0.95 && scores[4] < 0.4, "\(scores)")
    #expect(scores.contains { (0.4...0.95).contains($0) }, "\(scores)")
  }

  @Test func emptyAndRandomPicturesScoreNothing() throws {
    var generator = KeyedGenerator(key: 9)
    let noise = TestScenes.painted { _, _ in
      RGB(red: generator.unit(), green: generator.unit(), blue: generator.unit())
    }
    for scene in TestScenes.sample(10, key: 9) {
      #expect(try score(TestScenes.blank(scene.background.rgb), scene) < 0.01)
      #expect(try score(TestScenes.blank(scene.object.color.rgb), scene) < 0.01)
      #expect(try score(noise, scene) < 0.01)
    }
  }

  @Test func hacksScoreLow() throws {
    for scene in TestScenes.sample(12, key: 10) {
      let (color, background) = (scene.object.color.rgb, scene.background.rgb)
      let other = scene.neighbour?.object.color.rgb ?? color
      let hacks: [(String, Image)] = [
        (
          "a frame of background around the object's colour",
          TestScenes.painted { x, y in
            (3..<61).contains(x) && (3..<61).contains(y) ? color : background
          }
        ),
        (
          "stripes of all that is asked for",
          TestScenes.painted { x, _ in [background, color, background, other][x / 4 % 4] }
        ),
        (
          "halves in both colours",
          TestScenes.painted { x, y in
            y < 2 || y > 61 ? background : x < 32 ? color : other
          }
        ),
        (
          "sixteen discs in the asked colours",
          TestScenes.painted { x, y in
            let (dx, dy) = (x % 16 - 8, y % 16 - 8)
            return dx * dx + dy * dy < 42
              ? ((x / 16 + y / 16) % 2 == 0 ? color : other) : background
          }
        ),
        (
          "a patch in each of the ten colours",
          TestScenes.painted { x, y in
            let isGap = x % 12 < 3 || y % 16 < 4
            let patch = x / 12 + y / 16 * 5
            return isGap || x >= 60 ? background : Scene.Color.allCases[patch % 10].rgb
          }
        ),
      ]
      for (name, image) in hacks {
        let score = try score(image, scene)
        #expect(score < 0.2, "\(name), \(scene.caption(.plain)): \(score)")
      }
    }
  }

  @Test func aFurtherObjectIsPenalised() throws {
    let scene = try Scene(caption: "a large red circle on a white background")
    let image = TestScenes.morph(
      .circle, .circle, share: 0, color: Scene.Color.red.rgb,
      background: Scene.Background.white.rgb)
    var pixels = image.pixels
    for pixel in 0..<64 * 64 where (47..<62).contains(pixel % 64) && (47..<62).contains(pixel / 64)
    {
      pixels.replaceSubrange(pixel * 3..<pixel * 3 + 3, with: [0, 145, 45])
    }
    // 225 pixels more than asked for, 8 of them free: exp(-217 / 350).
    let score = try score(Image(width: 64, height: 64, pixels: pixels), scene)
    #expect(abs(score - 0.538) < 0.02, "\(score)")
  }

  @Test func bothTemplatesAndRepeatedCallsGiveTheSameScore() throws {
    let scenes = TestScenes.sample(4, key: 11)
    let images = scenes.map { TestScenes.picture(of: $0, key: 0).blurred(1.5) }
    let plain = try reward.alignments(of: images, prompts: scenes.map { $0.caption(.plain) })
    let picture = try reward.alignments(of: images, prompts: scenes.map { $0.caption(.picture) })
    #expect(plain == picture)
    #expect(
      plain == (try reward.alignments(of: images, prompts: scenes.map { $0.caption(.plain) })))
    #expect(reward.name == "scene-alignment")
  }

  @Test func aLargerPictureScoresAsTheSameInSmall() throws {
    let caption = "a large red circle on a white background"
    let small = TestScenes.picture(of: try Scene(caption: caption), key: 7)
    let factor = 3
    var pixels: [UInt8] = []
    for row in 0..<small.height * factor {
      for column in 0..<small.width * factor {
        let start = (row / factor * small.width + column / factor) * 3
        pixels += small.pixels[start..<start + 3]
      }
    }
    let large = Image(width: 64 * factor, height: 64 * factor, pixels: pixels)
    let scores = try reward.alignments(of: [small, large], prompts: [caption, caption])
    #expect(scores[0] > 0.9)
    #expect(scores[0] == scores[1])
  }

  @Test func badInputIsRefused() {
    let caption = "a large red circle on a white background"
    let image = TestScenes.blank(RGB(red: 0, green: 0, blue: 0))
    let small = Image(width: 2, height: 1, pixels: [0, 0, 0, 0, 0, 0])
    let cases: [(images: [Image], prompts: [String], text: String)] = [
      ([image], [], "expected one prompt for each image, got 0 prompts for 1 images"),
      (
        [image, small], [caption, caption],
        "image 1 must be 64x64 pixels or a whole number of times as large, got 2x1"
      ),
      (
        [image], ["a dog"],
        "word 2 of the caption \"a dog\" must be picture, small, large, got \"dog\""
      ),
    ]
    for (images, prompts, text) in cases {
      let error = #expect(throws: SceneError.self) {
        try reward.alignments(of: images, prompts: prompts)
      }
      #expect(error?.description == text)
    }
  }
}

extension Scene {
  /// The scene with `count` of its attributes changed at random: background; size, shape and colour
  /// of the first object; the same of the second, and the relation.
  fileprivate func changing(
    _ count: Int, of attributeCount: Int, using generator: inout KeyedGenerator
  ) -> Scene {
    func different<Value: Equatable>(_ value: Value, _ all: [Value], not other: Value? = nil)
      -> Value
    {
      let values = all.filter { $0 != value && $0 != other }
      return values[generator.below(values.count)]
    }
    var attributes = Array(0..<attributeCount)
    for place in 0..<count {
      attributes.swapAt(place, place + generator.below(attributeCount - place))
    }
    let changed = Set(attributes.prefix(count))
    func altered(_ object: Object, from first: Int, not other: Color?) -> Object {
      Object(
        size: changed.contains(first) ? different(object.size, Size.allCases) : object.size,
        color: changed.contains(first + 1)
          ? different(object.color, Color.allCases, not: other) : object.color,
        shape: changed.contains(first + 2)
          ? different(object.shape, Shape.allCases) : object.shape)
    }
    let object = altered(object, from: 1, not: neighbour?.object.color)
    return Scene(
      object: object,
      neighbour: neighbour.map {
        Neighbour(
          changed.contains(7) ? different($0.relation, Relation.allCases) : $0.relation,
          altered($0.object, from: 4, not: object.color))
      },
      background: changed.contains(0)
        ? different(background, Background.allCases) : background)
  }
}
