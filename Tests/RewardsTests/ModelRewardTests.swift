import Foundation
import Images
import TestSupport
import Testing
import Torch
import TorchNN

@testable import Rewards

@Suite struct ModelRewardTests {
  static let models = ["legacy", "split"]
  static let prompts = [
    "a small red circle", "a large blue star above a ring", "a small red circle", "moon", "",
    String(repeating: "a ", count: 30), "red",
  ]

  private func path(_ name: String) -> String {
    Golden.fixtures.appending(path: "rewards/\(name)").path
  }

  private func similarity(
    _ kind: CLIPSimilarityReward.Kind, _ name: String, dtype: DType = .float32, batchSize: Int = 3
  ) throws -> CLIPSimilarityReward {
    try CLIPSimilarityReward(kind, folder: path(name), dtype: dtype, batchSize: batchSize)
  }

  /// The largest difference between scores and those that scripts/golden/reward_golden.py wrote.
  private func difference(
    of scores: [Double], from key: String, in name: String, scale: Double = 1
  ) throws -> Double {
    let expected = try Golden("rewards/\(name).safetensors")(key).values(as: Double.self)
    #expect(scores.count == expected.count)
    return zip(scores, expected).map { abs($0 - scale * $1) }.max() ?? .infinity
  }

  @Test(arguments: CLIPSimilarityReward.Kind.allCases, models)
  func theScoresAreThoseOfTransformers(kind: CLIPSimilarityReward.Kind, name: String) throws {
    let images = try GoldenPictures().images
    for batchSize in [1, 3, 100] {
      let reward = try similarity(kind, name, batchSize: batchSize)
      #expect(reward.name == kind.rawValue)
      let scores = try reward.values(images, prompts: Self.prompts)
      let scale = kind == .pickScore ? 0.01 : 1
      #expect(try difference(of: scores, from: kind.rawValue, in: name, scale: scale) < 1e-5)
    }
  }

  @Test func aPictureThatWouldBecomeTooLargeIsRefused() throws {
    let thin = Image(width: 1, height: 1_000_000, pixels: Array(repeating: 7, count: 3_000_000))
    let error = #expect(throws: ImageError.self) {
      try similarity(.clipScore, "legacy").score([thin], prompts: ["red"])
    }
    #expect(
      error?.description
        == "expected a picture of at most 16777216 pixels where its shorter side has 20, got "
        + "1x1000000: crop it")
  }

  @Test func whatIsNoNumberIsMissing() throws {
    #expect(
      [1, .nan, -.infinity].scores == [
        .value(1), .missing(reason: "its network computed nan"),
        .missing(reason: "its network computed -inf"),
      ])
    try withTemporaryFolder { folder in
      // The last number of the head becomes none.
      let head = folder.appending(path: "head.safetensors")
      try
        (Data(contentsOf: URL(filePath: path("legacy-linear.safetensors"))).dropLast(4)
        + [0, 0, 0xC0, 0x7F]).write(to: head)
      let reward = try AestheticReward(folder: path("legacy"), head: head.path, batchSize: 2)
      let scores = try reward.score(GoldenPictures().images, prompts: Self.prompts)
      #expect(scores.allSatisfy { $0 == .missing(reason: "its network computed nan") })
    }
  }

  /// bfloat16 has 8 bits of precision, float16 has 11; the networks are two layers deep.
  @Test(
    arguments: CLIPSimilarityReward.Kind.allCases, [(DType.float16, 5e-3), (.bfloat16, 4e-2)])
  func halfPrecisionIsNear(
    kind: CLIPSimilarityReward.Kind, precision: (dtype: DType, tolerance: Double)
  ) throws {
    let images = try GoldenPictures().images
    for name in Self.models {
      let scores = try similarity(kind, name, dtype: precision.dtype)
        .values(images, prompts: Self.prompts)
      let scale = kind == .pickScore ? 0.01 : 1
      let found = try difference(of: scores, from: kind.rawValue, in: name, scale: scale)
      #expect(found < precision.tolerance && found > 1e-6)
    }
  }

  @Test func theOrderOfPicturesIsTheOrderOfScores() throws {
    let images = try GoldenPictures().images
    let reward = try similarity(.clipScore, "legacy", batchSize: 2)
    let scores = try reward.values(images, prompts: Self.prompts)
    let reversed = try reward.values(images.reversed(), prompts: Self.prompts.reversed())
    #expect(zip(scores, reversed.reversed()).allSatisfy { abs($0 - $1) < 1e-6 })
    #expect(Set(scores).count == scores.count)
    #expect(try reward.values([], prompts: []) == [])
  }

  @Test func picturesAreLaidOnBlackAsHPSv2HasThem() throws {
    let pictures = try GoldenPictures()
    let processor = HPSv2ImageProcessor(
      side: 20, mean: [0.48145466, 0.4578275, 0.40821073],
      standardDeviation: [0.26862954, 0.26130258, 0.27577711])
    for (index, image) in pictures.images.enumerated() {
      let found = try processor.pixels(of: [image]).reshaped([3, 20, 20])
      let expected = try pictures.golden("padded.\(index)")
      // A multiplication by 1/255 for a division.
      #expect(try relativeDifference(found, from: expected) < 1e-6, "picture \(index)")
    }
  }

  @Test(arguments: models, ["linear", "mlp"])
  func theRatingsAreThoseOfPyTorch(name: String, head: String) throws {
    let images = try GoldenPictures().images
    for batchSize in [2, 100] {
      let reward = try AestheticReward(
        folder: path(name), head: path("\(name)-\(head).safetensors"), batchSize: batchSize)
      let scores = try reward.values(images, prompts: Self.prompts)
      // The scores of the MLP are up to 16: 1e-5 of that is still within float32's reach.
      #expect(try difference(of: scores, from: "aesthetic-\(head)", in: name) < 1e-5)
      #expect(reward.name == "aesthetic")
    }
  }

  @Test func aHeadThatDoesNotFitIsNamed() throws {
    let other = path("split-mlp.safetensors")
    var error: (any Error)? = #expect(throws: NNError.self) {
      try AestheticReward(folder: path("legacy"), head: other, batchSize: 1)
    }
    #expect(
      error.map { "\($0)" }
        == "\(other): tensor layers.0.weight has shape [9, 10], the model expects [9, 6]")
    error = #expect(throws: ModelError.self) {
      try AestheticReward(folder: path("legacy"), head: "/nowhere/head.pth", batchSize: 1)
    }
    #expect(
      error.map { "\($0)" }
        == "/nowhere/head.pth: .pth is refused, since reading it runs code: convert it with "
        + "scripts/convert_reward.py")
    // All but the last layer.
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "head.safetensors")
      try [
        Parameter(name: "layers.0.weight", tensor: .zeros(shape: [3, 6])),
        Parameter(name: "layers.0.bias", tensor: .zeros(shape: [3])),
      ].write(to: url)
      let error = #expect(throws: NNError.self) {
        try AestheticReward(folder: path("legacy"), head: url.path, batchSize: 1)
      }
      #expect(
        error?.description
          == "\(url.path): tensor layers.0.weight has shape [3, 6], the model expects [1, 6]")
    }
  }

  @Test func aPromptIsJudgedBeforeARun() throws {
    let reward = try similarity(.pickScore, "legacy")
    try reward.check(prompt: String(repeating: "a ", count: 100))
    let error = #expect(throws: (any Error).self) {
      try reward.check(prompt: String(repeating: "a", count: 20_000))
    }
    #expect(
      error.map { "\($0)" } == "a prompt must have at most 16384 bytes, got 20000: shorten it")
  }

  @Test func promptsMustBeAsManyAsImages() throws {
    let images = try GoldenPictures().images
    let rewards: [any Reward] = [
      try similarity(.hpsv2, "legacy"), JPEGSizeReward(.compressibility),
      try TorchScriptReward(path: path("length.pt"), batchSize: 2),
      try AestheticReward(
        folder: path("legacy"), head: path("legacy-linear.safetensors"), batchSize: 1),
    ]
    for reward in rewards {
      #expect(
        throws: RewardError.promptCount(reward: reward.name, imageCount: 7, promptCount: 1)
      ) {
        try reward.values(images, prompts: ["x"])
      }
    }
  }

  @Test func theSizeIsThatOfPillowsFile() throws {
    let pictures = try GoldenPictures()
    let counts = try pictures.images.indices.map { try pictures.golden("jpeg.\($0)").count }
    let sizes = counts.map { Double($0) / 1000 }
    #expect(
      try JPEGSizeReward(.incompressibility).values(pictures.images, prompts: Self.prompts) == sizes
    )
    #expect(
      try JPEGSizeReward(.compressibility).values(pictures.images, prompts: Self.prompts)
        == sizes.map { -$0 })
    #expect(JPEGSizeReward(.compressibility).name == "jpeg-compressibility")
    #expect(JPEGSizeReward(.incompressibility).name == "jpeg-incompressibility")
  }
}
