import Foundation
import MPI
import Rewards

/// The scores that a rank could not get, and why.
struct MissingScores: Codable, Equatable {
  /// What is missing of a reward.
  struct Cause: Codable, Equatable {
    let reward: String
    /// Whether the reward has no part in the weighted sum.
    let isWatched: Bool
    var count: Int
    /// Why the first of them is missing.
    let reason: String

    /// The reason, with how many more there are.
    fileprivate var text: String { reason + (count > 1 ? ", and \(count - 1) more" : "") }
  }

  private(set) var causes: [Cause] = []

  /// Notes what is missing among some images' scores.
  mutating func note(_ scores: WeightedScores, of reward: WeightedReward) {
    for (term, component) in zip(reward.terms, scores.components) {
      let reasons = component.compactMap(\.missingReason)
      guard let first = reasons.first else { continue }
      let name = term.reward.name
      if let index = causes.firstIndex(where: { $0.reward == name }) {
        causes[index].count += reasons.count
      } else {
        causes.append(
          Cause(reward: name, isWatched: term.weight == 0, count: reasons.count, reason: first))
      }
    }
  }

  /// What each rank lacks. Collective.
  func ofAllRanks(_ communicator: Communicator) throws -> [MissingScores] {
    let own = try communicator.agreed { try JSONEncoder.stable().encode(self) }
    let all = try communicator.allGatherV(Array(own))
    return try communicator.agreed {
      try all.map { try JSONDecoder().decode(MissingScores.self, from: Data($0)) }
    }
  }
}

extension [MissingScores] {
  /// What the ranks lack of the rewards in the sum: `rank 1: pick: no answer within 60 s, and 3 more`.
  var textOfSummed: String {
    text { $0.isWatched ? nil : "\($0.reward): \($0.text)" }
  }

  /// What they lack of each watched reward.
  var watched: [(reward: String, count: Int, text: String)] {
    let causes = flatMap(\.causes).filter(\.isWatched)
    return Set(causes.map(\.reward)).sorted().map { reward in
      let count = causes.reduce(0) { $0 + ($1.reward == reward ? $1.count : 0) }
      return (reward, count, text { $0.reward == reward ? $0.text : nil })
    }
  }

  /// What `words` says of causes, rank by rank.
  private func text(_ words: (MissingScores.Cause) -> String?) -> String {
    enumerated().compactMap { rank, missing in
      let texts = missing.causes.compactMap(words)
      guard !texts.isEmpty else { return nil }
      return (count > 1 ? "rank \(rank): " : "") + texts.joined(separator: "; ")
    }.joined(separator: "; ")
  }
}

/// More images without a score than a run may have; the same on all ranks.
struct TooManyMissingScores: Error, Equatable, CustomStringConvertible {
  /// What was found, with the reasons.
  let finding: String
  /// The part of the images that may be without one.
  let maxFraction: Double

  /// What was found, and what to do.
  var description: String {
    "\(finding); scoring.maxMissingFraction allows \(maxFraction) of them: see to the reward, and go "
      + "on with --resume latest, which asks again for what is missing"
  }
}

extension Trainer {
  /// How many of `imageCount` images, over all ranks, may be without a score.
  func missingLimit(of imageCount: Int) -> Double {
    configuration.scoring.maxMissingFraction * Double(imageCount)
  }

  /// Says how many images have no score and why, by each reward that is only watched too, and refuses
  /// too many without a sum. Collective.
  ///
  /// - Parameters:
  ///   - count: Those of this rank without a sum.
  ///   - imageCount: Of all ranks.
  ///   - place: `epoch 3`, say.
  ///   - isLimited: Whether nothing is said of a watched reward that lacks too many.
  /// - Throws: ``TooManyMissingScores``, the same on all ranks.
  func checkMissingScores(
    _ missing: MissingScores, count: Int, of imageCount: Int, in place: String,
    limitingWatched isLimited: Bool
  ) throws {
    let total = Int(try communicator.allReduce(Int64(count), by: .sum))
    let missing = try missing.ofAllRanks(communicator)
    let limit = missingLimit(of: imageCount)
    let images = "\(imageCount) images of \(place) have no score"
    for (reward, count, text) in missing.watched {
      warn(
        "\(count) of \(images) by \(reward); \(text): "
          + (isLimited && Double(count) > limit
            ? "more than scoring.maxMissingFraction allows, so that nothing is said of it"
            : "they are left out"))
    }
    guard total > 0 else { return }
    let reasons = missing.textOfSummed
    let finding = "\(total) of \(images)" + (reasons.isEmpty ? "" : "; \(reasons)")
    guard Double(total) <= limit else {
      throw TooManyMissingScores(
        finding: finding, maxFraction: configuration.scoring.maxMissingFraction)
    }
    warn("\(finding): they are left out")
  }
}
