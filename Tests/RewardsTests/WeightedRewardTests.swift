import Images
import Testing

@testable import Rewards

/// Gives the scores it was made with, whatever it is shown; `nil` for a missing one.
private struct FixedReward: Reward {
  let name: String
  let scores: [Double?]

  func score(_ images: [Image], prompts: [String]) -> [Score] {
    scores.map { $0.map(Score.value) ?? .missing(reason: "\(name) is asleep") }
  }
}

private let image = Image(width: 1, height: 1, pixels: [0, 0, 0])

@Suite struct WeightedRewardTests {
  @Test func theScoreIsTheWeightedSum() throws {
    let reward = try WeightedReward([
      .init(FixedReward(name: "a", scores: [1, 2]), weight: 10),
      .init(FixedReward(name: "b", scores: [4, -8]), weight: 0.5),
    ])
    let scores = try reward.scores(of: [image, image], prompts: ["x", "y"])
    #expect(scores.sums == [12, 16])
    #expect(scores.components == [[.value(1), .value(2)], [.value(4), .value(-8)]])
    #expect(reward.name == "10.0 * a + 0.5 * b")
  }

  @Test func noImagesHaveNoScores() throws {
    let reward = try WeightedReward([.init(FixedReward(name: "a", scores: []), weight: 1)])
    #expect(try reward.scores(of: [], prompts: []).sums.isEmpty)
  }

  @Test func anImageWithoutOneOfTheScoresHasNoSumAndKeepsTheOthers() throws {
    let reward = try WeightedReward([
      .init(FixedReward(name: "a", scores: [1, nil, 3, nil]), weight: 10),
      .init(FixedReward(name: "b", scores: [4, 5, nil, nil]), weight: 0.5),
      .init(FixedReward(name: "watched", scores: [nil, 1, 1, 1]), weight: 0),
    ])
    let images = Array(repeating: image, count: 4)
    let scores = try reward.scores(of: images, prompts: ["w", "x", "y", "z"])
    // What is only watched has no part in it.
    #expect(scores.sums == [12, nil, nil, nil])
    #expect(scores.components[0].map(\.value) == [1, nil, 3, nil])
    #expect(scores.components[1].map(\.value) == [4, 5, nil, nil])
    #expect(scores.components[0][1].missingReason == "a is asleep")
    #expect(scores.components[0][0].missingReason == nil)
  }

  @Test(
    arguments: [
      ([], RewardError.noTerms),
      ([("a", 1.0), ("b", 2.0), ("a", 3.0)], .repeatedName("a")),
      ([("a", 1.0), ("b", .infinity)], .weightNotFinite(reward: "b", weight: .infinity)),
    ] as [([(String, Double)], RewardError)])
  func badTermsAreRefused(terms: [(String, Double)], error: RewardError) {
    #expect(throws: error) {
      try WeightedReward(
        terms.map { .init(FixedReward(name: $0.0, scores: []), weight: $0.1) })
    }
  }

  @Test(
    arguments: [
      (
        "too few scores", [1.0], 1.0,
        RewardError.scoreCount(reward: "b", imageCount: 2, scoreCount: 1)
      ),
      (
        "too many scores", [1, 2, 3], 1,
        .scoreCount(reward: "b", imageCount: 2, scoreCount: 3)
      ),
      (
        "an infinite score", [1, -.infinity], 1,
        .scoreNotFinite(reward: "b", imageIndex: 1, prompt: "y", score: -.infinity)
      ),
      (
        "a sum that overflows", [1e300, 0], 1e300,
        .scoreNotFinite(
          reward: "1.0 * a + 1e+300 * b", imageIndex: 0, prompt: "x", score: .infinity)
      ),
    ] as [(String, [Double?], Double, RewardError)])
  func badScoresAreRefused(what: String, scores: [Double?], weight: Double, error: RewardError)
    throws
  {
    let reward = try WeightedReward([
      .init(FixedReward(name: "a", scores: [0, 0]), weight: 1),
      .init(FixedReward(name: "b", scores: scores), weight: weight),
    ])
    #expect(throws: error, "\(what)") {
      try reward.scores(of: [image, image], prompts: ["x", "y"])
    }
  }

  @Test func aScoreThatIsNotANumberIsRefused() throws {
    let reward = try WeightedReward([.init(FixedReward(name: "a", scores: [.nan]), weight: 1)])
    let error = #expect(throws: RewardError.self) {
      try reward.scores(of: [image], prompts: ["x"])
    }
    #expect(
      error?.description
        == "reward a must give finite scores, got nan for image 0, prompt \"x\": the reward is at "
        + "fault, or the image has no content it can judge")
  }

  @Test func promptsMustBeAsManyAsImages() throws {
    let reward = try WeightedReward([.init(FixedReward(name: "a", scores: [1]), weight: 1)])
    #expect(throws: RewardError.promptCount(reward: "1.0 * a", imageCount: 1, promptCount: 2)) {
      try reward.scores(of: [image], prompts: ["x", "y"])
    }
  }

  @Test(arguments: [
    (RewardError.noTerms, "expected at least one reward, got none: name one under rewards"),
    (.repeatedName("a"), "expected each reward once, got a twice: add the two weights"),
    (
      .weightNotFinite(reward: "a", weight: .infinity),
      "the weight of reward a must be a finite number, got inf"
    ),
    (
      .promptCount(reward: "a", imageCount: 2, promptCount: 1),
      "reward a expects one prompt for each image, got 1 prompts for 2 images"
    ),
    (
      .scoreCount(reward: "a", imageCount: 2, scoreCount: 1),
      "reward a must give one score for each image, got 1 scores for 2 images: "
        + "the reward is at fault"
    ),
  ])
  func errorsSayWhatWasExpectedAndWhatCame(error: RewardError, text: String) {
    #expect(error.description == text)
  }
}
