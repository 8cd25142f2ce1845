import Foundation
import Testing

@testable import Training

struct EvaluationComparisonTests {
  private static let conditions = EvaluationReport.Conditions(
    promptsSHA256: "00", imagesPerPrompt: 2, seed: 7, steps: 5, guidance: 1, eta: 1,
    spacing: "leading", reward: "1.0 * a + 2.0 * b")

  /// Two images of each of some prompts.
  private static func report(
    _ rewards: [Double?], _ conditions: EvaluationReport.Conditions = conditions
  ) -> EvaluationReport {
    let scores = rewards.enumerated().map { index, reward in
      EvaluationReport.Score(
        promptIndex: index / 2, imageIndex: index % 2, reward: reward,
        components: reward.map { ["a": $0, "b": 0] } ?? [:])
    }
    return EvaluationReport(
      model: "m", modelSHA256: "11", weights: nil, weightsSHA256: nil, prompts: "p.txt",
      conditions: conditions, scores: scores)
  }

  @Test func theStandardErrorIsThatOfThePromptsMeans() {
    // The prompts' means are 1, 3 and 5: their variance is 4, over three of them.
    let report = Self.report([0, 2, 3, 3, 5, nil])
    #expect(report.reward.mean == 3)
    let error = (4.0 / 3).squareRoot()
    #expect(report.reward.standardError == error)
    #expect(report.reward.promptCount == 3)
    #expect(report.reward.imageCount == 5 && report.reward.missingCount == 1)
    #expect(report.components["b"]?.mean == 0)
    #expect(Self.report([nil, nil]).reward.mean == nil)
    #expect(Self.report([1, 2]).reward.standardError == nil)
  }

  @Test func winsTiesAndDifferencesAreCounted() throws {
    try withScratchFolder { folder in
      let (a, b) = ("\(folder)/a.json", "\(folder)/b.json")
      try Self.report([1, 1, 2, 2, nil, 0]).write(to: a)
      try Self.report([2, 1, 1, 3, 9, 1]).write(to: b)
      let comparison = try EvaluationComparison(a, b)
      let verdict = comparison.reward
      // By prompt: (win, tie), (loss, win), (win alone).
      let winRate = (0.75 + 0.5 + 1) / 3
      #expect(verdict.winRate == winRate)
      #expect(verdict.tieRate == 0.2)
      let difference = (0.5 + 0 + 1) / 3
      #expect(verdict.meanDifference == difference)
      #expect(verdict.imageCount == 5 && verdict.promptCount == 3)
      #expect(comparison.components["b"]?.winRate == 0.5)
      #expect(try EvaluationReport(path: a) == Self.report([1, 1, 2, 2, nil, 0]))
    }
  }

  // n = 10, p = 1: the lower end is 1 / (1 + z^2 / n) = .7225, a value found in tables.
  @Test func theIntervalIsWilsons() {
    let all = wilsonInterval(share: 1, count: 10)
    #expect(abs(all.lowerBound - 0.72247) < 1e-5)
    #expect(abs(all.upperBound - 1) < 1e-12)
    let half = wilsonInterval(share: 0.5, count: 100)
    #expect(abs(half.lowerBound - 0.40383) < 1e-5)
    #expect(abs(half.upperBound - 0.59617) < 1e-5)
  }

  @Test func otherConditionsAreRefused() throws {
    try withScratchFolder { folder in
      let (a, b) = ("\(folder)/a.json", "\(folder)/b.json")
      try Self.report([1, 2]).write(to: a)
      let other = EvaluationReport.Conditions(
        promptsSHA256: "00", imagesPerPrompt: 2, seed: 8, steps: 10, guidance: 1, eta: 1,
        spacing: "leading", reward: "1.0 * a + 2.0 * b")
      try Self.report([1, 2], other).write(to: b)
      #expect(
        errorText { _ = try EvaluationComparison(a, b) }
          == "\(b): expected the prompts, noise, sampler and rewards of \(a), found seed 8, not 7, "
          + "steps 10, not 5: evaluate both models with the same options")
      try Self.report([nil, nil]).write(to: b)
      #expect(
        errorText { _ = try EvaluationComparison(a, b) }
          == "\(b): expected images that both have scores for, found none")
      try write("{}".utf8, to: b)
      #expect(
        errorText { _ = try EvaluationComparison(a, b) }
          == "\(b): expected the file of prdp evaluate --json, found another: make it with prdp "
          + "evaluate")
    }
  }
}

extension EvaluationReport {
  fileprivate func write(to path: String) throws {
    try JSONEncoder().encode(self).write(to: URL(filePath: path))
  }
}
