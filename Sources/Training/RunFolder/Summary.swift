import Foundation

/// A finished run in a few numbers: the contents of `summary.json`.
struct Summary: Encodable, Sendable {
  /// The reward on one set of prompts.
  struct Reward: Sendable {
    /// The mean over the images.
    var mean: Double
    /// The standard error of the mean.
    var standardError: Double
  }

  /// Rewards by set, before the first epoch.
  var before: [String: Reward]
  /// Rewards by set, after the last epoch.
  var after: [String: Reward]
  /// Wall-clock seconds of the run, those before a resume included.
  @JSONNumber var seconds: Double
  /// Seconds of them spent in epochs, evaluations apart.
  @JSONNumber var trainingSeconds: Double
  /// Images sampled for training, over all ranks.
  var images: Int
  /// The number of ranks.
  var ranks: Int
  /// Epochs done.
  var epochs: Int
  /// Optimiser steps taken.
  var steps: Int
  /// Where `checkpoint.best` was highest; `nil` where it is not asked for.
  var best: BestCheckpoint?

  private enum CodingKeys: CodingKey {
    case evaluation, standardErrors, seconds, trainingSeconds, images, ranks, epochs, steps, best
  }

  /// Writes the means under `evaluation` and their errors under `standardErrors`, each by phase and
  /// set.
  func encode(to encoder: any Encoder) throws {
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
    try container.encodeIfPresent(best, forKey: .best)
  }

  /// Writes the file whole: readers see the old one or the new.
  ///
  /// - Throws: ``TrainingError``.
  func write(to path: String) throws {
    let contents = try JSONEncoder.stable(.prettyPrinted).encode(self) + Data("\n".utf8)
    try DiskOperations().replaceFile(path, contents: contents)
  }
}
