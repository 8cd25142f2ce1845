import Testing

@testable import Training

struct HeldOutPeaksTests {
  private func result(_ reward: Double, _ other: Double?, set: String = "unseen")
    -> EvaluationResult
  {
    EvaluationResult(
      set: set, reward: reward, standardError: 0.01, count: 100,
      rewards: other.map { ["other": RewardMean(mean: $0, standardError: 0.03)] } ?? [:])
  }

  /// The warnings after each evaluation of one set.
  private func warnings(_ course: [(reward: Double, other: Double?)]) -> [Int] {
    var peaks = HeldOutPeaks()
    return course.enumerated().map { step, found in
      peaks.note([result(found.reward, found.other)], heldOut: ["other"], step: step).count
    }
  }

  @Test func onlyAFallWhileTheTrainedRewardRisesIsSaid() {
    #expect(warnings([(0.4, 1), (0.5, 0.8)]) == [0, 1])
    #expect(warnings([(0.4, 1), (0.5, 1.2)]) == [0, 0])
    #expect(warnings([(0.4, 1), (0.3, 0.8)]) == [0, 0])
  }

  @Test func chanceIsNotSaid() {
    // Two standard errors of the differences are .0283 and .0849.
    #expect(warnings([(0.4, 1), (0.428, 0.8)]) == [0, 0])
    #expect(warnings([(0.4, 1), (0.429, 0.8)]) == [0, 1])
    #expect(warnings([(0.4, 1), (0.5, 0.916)]) == [0, 0])
    #expect(warnings([(0.4, 1), (0.5, 0.914)]) == [0, 1])
  }

  @Test func aFallFromTheHighestCountsAndNotFromTheStart() {
    #expect(warnings([(0.4, 1), (0.45, 1.3), (0.5, 1.1)]) == [0, 0, 1])
    // What was not measured is no fall.
    #expect(warnings([(0.4, 1), (0.45, nil), (0.5, 0.8)]) == [0, 0, 1])
  }

  @Test func setsAreApart() throws {
    var peaks = HeldOutPeaks()
    _ = peaks.note([result(0.4, 1), result(0.4, 0.5, set: "seen")], heldOut: ["other"], step: 0)
    let found = peaks.note(
      [result(0.5, 0.8), result(0.5, 0.6, set: "seen")], heldOut: ["other"], step: 3)
    #expect(found.count == 1)
    #expect(
      try #require(found.first).hasPrefix(
        "on unseen the held-out other fell from 1.0000 to 0.8000 since step 0, while the trained reward "
          + "rose from 0.4000 to 0.5000"))
  }

  @Test func theStandardErrorIsThatOfTheMean() {
    let mean = RewardMean(of: [1, 2, 3, 4])
    #expect(mean.mean == 2.5)
    #expect(abs(mean.standardError - (5.0 / 3 / 4).squareRoot()) < 1e-15)
    #expect(RewardMean(of: [3]) == RewardMean(mean: 3, standardError: 0))
  }
}
