import MPI
import Rewards

/// The scores that this rank could not get, and why.
struct MissingScores {
  /// By the name of the reward: how many, and why the first of them.
  private var causes: [(reward: String, count: Int, reason: String)] = []

  /// Notes what is missing among some images' scores.
  mutating func note(_ scores: WeightedScores, of reward: WeightedReward) {
    for (term, component) in zip(reward.terms, scores.components) {
      let reasons = component.compactMap(\.missingReason)
      guard let first = reasons.first else { continue }
      let name = term.reward.name
      if let index = causes.firstIndex(where: { $0.reward == name }) {
        causes[index].count += reasons.count
      } else {
        causes.append((name, reasons.count, first))
      }
    }
  }

  /// A cause for each reward: `pick: no answer within 60 s`, with how many more there are.
  var text: String {
    causes.map { cause in
      "\(cause.reward): \(cause.reason)" + (cause.count > 1 ? ", and \(cause.count - 1) more" : "")
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

  /// Says how many images have no score and why, and refuses too many. Collective.
  ///
  /// - Parameters:
  ///   - count: Those of this rank.
  ///   - imageCount: Of all ranks.
  ///   - place: `epoch 3`, say.
  /// - Throws: ``TooManyMissingScores``, the same on all ranks.
  func checkMissingScores(
    _ missing: MissingScores, count: Int, of imageCount: Int, in place: String
  ) throws {
    let total = Int(try communicator.allReduce(Int64(count), by: .sum))
    guard total > 0 else { return }
    let texts = try communicator.allGatherV(Array(missing.text.utf8))
      .map { String(decoding: $0, as: UTF8.self) }
    let reasons = texts.enumerated().filter { !$0.element.isEmpty }
      .map { rank, text in texts.count > 1 ? "rank \(rank): \(text)" : text }
    let finding =
      ([
        "\(total) of \(imageCount) images of \(place) have no score"
      ] + reasons).joined(separator: "; ")
    guard Double(total) <= missingLimit(of: imageCount) else {
      throw TooManyMissingScores(
        finding: finding, maxFraction: configuration.scoring.maxMissingFraction)
    }
    warn("\(finding): they are left out")
  }
}
