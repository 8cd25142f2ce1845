import Foundation

/// Which of two models makes the better images of the same prompts from the same noise.
public struct EvaluationComparison: Encodable, Sendable {
  /// How often and by how much the second model's images have the higher reward.
  public struct Verdict: Encodable, Sendable, Equatable {
    /// Share of images of which the second's is better; a tie counts half.
    public let winRate: Double
    /// Where the win rate of all prompts of this kind lies with a probability of 95 %.
    ///
    /// Wilson's score interval with a trial for each prompt. The images of a prompt are one trial
    /// together: that is too wide rather than too narrow.
    public let interval: ClosedRange<Double>
    /// Share of images with equal rewards.
    public let tieRate: Double
    /// The mean of the second's reward less the first's.
    public let meanDifference: Double
    /// Of the mean difference, by prompt; `nil` for one prompt.
    public let standardError: Double?
    /// Images that both have a score for.
    public let imageCount: Int
    /// Their prompts.
    public let promptCount: Int
  }

  /// Of the weighted sum.
  public let reward: Verdict
  /// Of each reward that both evaluations have, by its name.
  public let components: [String: Verdict]

  /// Compares two files of `prdp evaluate`.
  ///
  /// - Throws: ``TrainingError`` where they differ in more than the model, or have no scores.
  public init(_ firstPath: String, _ secondPath: String) throws {
    let first = try EvaluationReport(path: firstPath)
    let second = try EvaluationReport(path: secondPath)
    let differences = Self.differences(first.conditions, second.conditions)
    guard differences.isEmpty else {
      throw TrainingError(
        secondPath, expected: "the prompts, noise, sampler and rewards of \(firstPath)",
        found: differences.joined(separator: ", "),
        advice: "evaluate both models with the same options")
    }
    let isSame = first.scores.map { [$0.promptIndex, $0.imageIndex] }
      .elementsEqual(second.scores.map { [$0.promptIndex, $0.imageIndex] })
    guard isSame else {
      throw TrainingError(
        secondPath, expected: "the images of \(firstPath)", found: "others",
        advice: "evaluate both models with the same options")
    }
    let pairs = Array(zip(first.scores, second.scores))
    guard let reward = Verdict(pairs, \.reward) else {
      throw TrainingError(secondPath, expected: "images that both have scores for", found: "none")
    }
    self.reward = reward
    let names = Set(first.components.keys).intersection(second.components.keys)
    components = Dictionary(
      uniqueKeysWithValues: names.compactMap { name in
        Verdict(pairs) { $0.components[name] }.map { (name, $0) }
      })
  }

  private static func differences(
    _ first: EvaluationReport.Conditions, _ second: EvaluationReport.Conditions
  ) -> [String] {
    let fields: [(String, KeyPath<EvaluationReport.Conditions, String>)] = [
      ("prompts of SHA-256", \.promptsSHA256), ("images per prompt", \.imagesPerPrompt.description),
      ("seed", \.seed.description), ("steps", \.steps.description),
      ("guidance", \.guidance.description), ("eta", \.eta.description), ("spacing", \.spacing),
      ("reward", \.reward),
    ]
    return fields.filter { first[keyPath: $0.1] != second[keyPath: $0.1] }
      .map { "\($0.0) \(second[keyPath: $0.1]), not \(first[keyPath: $0.1])" }
  }
}

extension EvaluationComparison.Verdict {
  /// Compares a reward of the same images; `nil` where none has two scores.
  init?(
    _ pairs: [(EvaluationReport.Score, EvaluationReport.Score)],
    _ reward: (EvaluationReport.Score) -> Double?
  ) {
    let differences = pairs.map { first, second in
      let difference = reward(first).flatMap { first in reward(second).map { $0 - first } }
      return (promptIndex: first.promptIndex, value: difference)
    }
    let values = differences.compactMap(\.value)
    let means = meansByPrompt(differences)
    guard !means.isEmpty else { return nil }
    let wins = meansByPrompt(
      differences.map { ($0.promptIndex, $0.value.map { $0 == 0 ? 0.5 : $0 > 0 ? 1 : 0 }) })
    let mean = means.reduce(0, +) / Double(means.count)
    winRate = wins.reduce(0, +) / Double(wins.count)
    interval = wilsonInterval(share: winRate, count: wins.count)
    tieRate = Double(values.count { $0 == 0 }) / Double(values.count)
    meanDifference = mean
    standardError = RewardMean.standardError(of: means, around: mean)
    imageCount = values.count
    promptCount = means.count
  }
}

/// Where a probability lies, to 95 %, of which `count` independent trials gave `share`.
///
/// - Source: Wilson, "Probable inference, the law of succession, and statistical inference", J. Am.
///   Stat. Assoc. 1927.
func wilsonInterval(share: Double, count: Int) -> ClosedRange<Double> {
  let (n, z) = (Double(count), 1.959963984540054)
  let centre = (share + z * z / (2 * n)) / (1 + z * z / n)
  let spread = (share * (1 - share) / n + z * z / (4 * n * n)).squareRoot() * z / (1 + z * z / n)
  return max(0, centre - spread)...min(1, centre + spread)
}
