import Foundation

/// A finished run in a few numbers: the contents of `summary.json`.
public struct Summary: Encodable, Sendable {
  /// The reward on one set of prompts.
  public struct Reward: Sendable {
    /// The mean over the images.
    public var mean: Double
    /// The standard error of the mean.
    public var standardError: Double

    /// A mean and its standard error.
    public init(mean: Double, standardError: Double) {
      self.mean = mean
      self.standardError = standardError
    }
  }

  /// Rewards by set, before the first epoch.
  public var before: [String: Reward]
  /// Rewards by set, after the last epoch.
  public var after: [String: Reward]
  /// Wall-clock seconds of the run, those before a resume included.
  @JSONNumber public var seconds: Double
  /// Seconds of them spent in epochs, evaluations apart.
  @JSONNumber public var trainingSeconds: Double
  /// Images sampled for training, over all ranks.
  public var images: Int
  /// The number of ranks.
  public var ranks: Int
  /// Epochs done.
  public var epochs: Int
  /// Optimiser steps taken.
  public var steps: Int

  /// A summary of all of it.
  public init(
    before: [String: Reward], after: [String: Reward], seconds: Double, trainingSeconds: Double,
    images: Int, ranks: Int, epochs: Int, steps: Int
  ) {
    self.before = before
    self.after = after
    self.seconds = seconds
    self.trainingSeconds = trainingSeconds
    self.images = images
    self.ranks = ranks
    self.epochs = epochs
    self.steps = steps
  }

  private enum CodingKeys: CodingKey {
    case evaluation, standardErrors, seconds, trainingSeconds, images, ranks, epochs, steps
  }

  /// Writes the means under `evaluation` and their errors under `standardErrors`, each by phase and
  /// set.
  public func encode(to encoder: any Encoder) throws {
    func byPhase(_ value: (Reward) -> Double) -> [String: [String: JSONNumber]] {
      [EvaluationPhase.before.rawValue: before, EvaluationPhase.after.rawValue: after]
        .mapValues { sets in sets.mapValues { JSONNumber(wrappedValue: value($0)) } }
    }
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(byPhase(\.mean), forKey: .evaluation)
    try container.encode(byPhase(\.standardError), forKey: .standardErrors)
    try container.encode(_seconds, forKey: .seconds)
    try container.encode(_trainingSeconds, forKey: .trainingSeconds)
    try container.encode(images, forKey: .images)
    try container.encode(ranks, forKey: .ranks)
    try container.encode(epochs, forKey: .epochs)
    try container.encode(steps, forKey: .steps)
  }

  /// Writes the file whole: readers see the old one or the new.
  ///
  /// - Throws: ``TrainingError``.
  public func write(to path: String) throws {
    let contents = try JSONEncoder.stable(.prettyPrinted).encode(self) + Data("\n".utf8)
    try DiskOperations().replaceFile(path, contents: contents)
  }
}
