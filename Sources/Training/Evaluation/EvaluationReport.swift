import Foundation

/// What an evaluation found, image by image: the file that `prdp evaluate --json` writes and
/// `prdp compare` reads.
public struct EvaluationReport: Codable, Sendable, Equatable {
  /// One image and what it is worth.
  public struct Score: Codable, Sendable, Equatable {
    /// The prompt's place in the file, from 0.
    public let promptIndex: Int
    /// The image's place among the prompt's, from 0.
    public let imageIndex: Int
    /// The weighted sum of the rewards; `nil` where a score is missing.
    public let reward: Double?
    /// Each reward by itself, by its name; without those that are missing.
    public let components: [String: Double]
  }

  /// All that decides the images but the model: what two evaluations that are compared share.
  public struct Conditions: Codable, Sendable, Equatable {
    /// The SHA-256 of the prompt file.
    public let promptsSHA256: String
    /// B.
    public let imagesPerPrompt: Int
    /// Decides all noise.
    public let seed: UInt64
    /// T.
    public let steps: Int
    /// Of classifier-free guidance.
    public let guidance: Double
    /// Share of noise in a step.
    public let eta: Double
    /// How timesteps are spaced.
    public let spacing: String
    /// The rewards, with all settings that scores depend on, and their weights.
    public let reward: String
  }

  /// The folder of the model.
  public let model: String
  /// The SHA-256 of its weights.
  public let modelSHA256: String
  /// The checkpoint or file of adapters on top of it; `nil` for none.
  public let weights: String?
  /// What tells these from others: what the checkpoint's COMMIT says, or the SHA-256 of the file.
  public let weightsSHA256: String?
  /// The file of prompts.
  public let prompts: String
  /// What the images depend on besides.
  public let conditions: Conditions
  /// All images, a prompt's after one another.
  public let scores: [Score]
  /// Mean, standard error and counts of the sum.
  public let reward: RewardSummary
  /// The same of each reward, by its name.
  public let components: [String: RewardSummary]

  /// Sums the scores up.
  public init(
    model: String, modelSHA256: String, weights: String?, weightsSHA256: String?, prompts: String,
    conditions: Conditions, scores: [Score]
  ) {
    self.model = model
    self.modelSHA256 = modelSHA256
    self.weights = weights
    self.weightsSHA256 = weightsSHA256
    self.prompts = prompts
    self.conditions = conditions
    self.scores = scores
    reward = RewardSummary(scores, \.reward)
    let names = Set(scores.flatMap(\.components.keys))
    components = Dictionary(
      uniqueKeysWithValues: names.map { name in
        (name, RewardSummary(scores) { $0.components[name] })
      })
  }

  /// Reads a file.
  ///
  /// - Throws: ``TrainingError`` where it is not what `prdp evaluate` writes.
  public init(path: String) throws {
    let bytes = try RegularFile(path).contents(byteLimit: 4 << 30)
    do {
      self = try JSONDecoder().decode(Self.self, from: Data(bytes))
    } catch {
      throw TrainingError(
        path, expected: "the file of prdp evaluate --json", found: "another",
        advice: "make it with prdp evaluate")
    }
  }
}

/// The mean of a reward over some images.
///
/// Images of one prompt resemble each other: the standard error is that of the prompts' means.
public struct RewardSummary: Codable, Sendable, Equatable {
  /// The mean of the prompts' means; `nil` where no image has a score.
  public let mean: Double?
  /// Of the mean; `nil` for less than two prompts.
  public let standardError: Double?
  /// Prompts with a score.
  public let promptCount: Int
  /// Images with a score.
  public let imageCount: Int
  /// Images without.
  public let missingCount: Int

  /// Sums up a reward of images in the order of their prompts.
  init(_ scores: [EvaluationReport.Score], _ reward: (EvaluationReport.Score) -> Double?) {
    let means = meansByPrompt(scores.map { ($0.promptIndex, reward($0)) })
    let mean = means.isEmpty ? nil : means.reduce(0, +) / Double(means.count)
    self.mean = mean
    standardError = mean.flatMap { RewardMean.standardError(of: means, around: $0) }
    promptCount = means.count
    imageCount = scores.count { reward($0) != nil }
    missingCount = scores.count - imageCount
  }
}

/// The mean of each prompt's values, in the order in which the prompts come; prompts without a value
/// are left out.
func meansByPrompt(_ values: [(promptIndex: Int, value: Double?)]) -> [Double] {
  var sums: [(promptIndex: Int, sum: Double, count: Int)] = []
  for (prompt, value) in values {
    guard let value else { continue }
    if sums.last?.promptIndex != prompt { sums.append((prompt, 0, 0)) }
    sums[sums.count - 1].sum += value
    sums[sums.count - 1].count += 1
  }
  return sums.map { $0.sum / Double($0.count) }
}
