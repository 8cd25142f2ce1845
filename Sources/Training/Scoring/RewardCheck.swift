import ClusterConfiguration
import Foundation
import Images
import Rewards
import Synchronization

/// What one reward says of some images when it is tried, with all that goes wrong: nothing is tried
/// again, and nothing is taken from a ledger.
public struct RewardCheck: Sendable {
  /// The name of the reward.
  public let name: String
  /// What it is.
  public let kind: String
  /// What it is multiplied by; `nil` where it is held out.
  public let weight: Double?
  /// What it says of each image; empty where it failed as a whole.
  public let scores: [Score]
  /// What was expected and came instead, each once.
  public let mistakes: [String]
  /// Seconds of each answer, the first apart: a program may load a model for it. Of a reward in this
  /// process, of each image.
  public let laterSeconds: [Double]
  /// Seconds of the first answer.
  public let firstSeconds: Double
  /// Images a second, in the second of two rounds.
  public let imagesPerSecond: Double
  /// Whether both rounds gave the same scores.
  public let isRepeatable: Bool

  /// Tries the rewards of a configuration one after another, the held-out ones last, each on all images,
  /// twice.
  public static func checks(
    of configuration: RunConfiguration, images: [Image], prompts: [String]
  ) -> [RewardCheck] {
    func checks(_ rewards: [RunConfiguration.Reward], isHeldOut: Bool) -> [RewardCheck] {
      rewards.map { RewardCheck($0, isHeldOut: isHeldOut, images: images, prompts: prompts) }
    }
    return checks(configuration.rewards, isHeldOut: false)
      + checks(configuration.heldOutRewards, isHeldOut: true)
  }

  /// A picture to try rewards on.
  ///
  /// - Throws: ``TrainingError`` where the file is no PNG.
  public static func image(at path: String) throws -> Image {
    let contents = Data(try RegularFile(path).contents(byteLimit: 1 << 27))
    do {
      return try Image(png: contents)
    } catch {
      throw TrainingError(path, expected: "a PNG", found: "\(error)")
    }
  }

  private init(
    _ setting: RunConfiguration.Reward, isHeldOut: Bool, images: [Image], prompts: [String]
  ) {
    name = setting.name
    kind = setting.kind.rawValue
    weight = isHeldOut ? nil : setting.weight
    let answerSeconds = Mutex<[Double]>([])
    let failures = Mutex<[String]>([])
    var rounds: [[Score]] = []
    var mistakes: [String] = []
    var roundSeconds = 0.0
    do {
      let reward = try RewardRegistry.reward([setting], on: .cpu, isTrial: true)
      for prompt in Set(prompts).sorted() { try reward.check(prompt: prompt) }
      for _ in 0..<2 {
        let start = ContinuousClock.now
        let scores = try reward.scores(of: images, prompts: prompts) { reward, images, prompts in
          guard let paid = reward as? any PaidReward else {
            return try images.indices.map { index in
              let start = ContinuousClock.now
              let score = try reward.score([images[index]], prompts: [prompts[index]])
              let seconds = (ContinuousClock.now - start) / .seconds(1)
              answerSeconds.withLock { $0.append(seconds) }
              return score
            }.flatMap(\.self)
          }
          return try paid.score(images, prompts: prompts) { _, attempt in
            switch attempt {
            case .answered(_, let seconds): answerSeconds.withLock { $0.append(seconds) }
            case .failed(let reason): failures.withLock { $0.append(reason) }
            }
          }
        }.components[0]
        roundSeconds = (ContinuousClock.now - start) / .seconds(1)
        rounds.append(scores)
      }
    } catch {
      mistakes.append("\(error)")
    }
    mistakes = failures.withLock(\.self) + mistakes
    let seconds = answerSeconds.withLock(\.self)
    scores = rounds.last ?? []
    self.mistakes = mistakes.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
    firstSeconds = seconds.first ?? 0
    laterSeconds = Array(seconds.dropFirst())
    imagesPerSecond = roundSeconds > 0 ? Double(images.count) / roundSeconds : 0
    isRepeatable = rounds.allSatisfy { $0.map(\.value) == rounds[0].map(\.value) }
  }
}

extension RewardCheck {
  /// The check as a person reads it, a line for each of `labels`, one an image.
  public func lines(labels: [String]) -> [String] {
    let part = weight.map { "weight \($0.formatted())" } ?? "held out"
    var lines = ["\(name): kind \(kind), \(part)"]
    for (label, score) in zip(labels, scores) {
      let text =
        switch score {
        case .value(let value): String(format: "%12.6g", value)
        case .missing: "     missing"
        }
      lines.append("  \(text)  \(label)")
    }
    for (reason, count) in Self.counted(scores.compactMap(\.missingReason)) {
      lines.append("  missing, \(count) times: \(reason)")
    }
    if !laterSeconds.isEmpty {
      let sorted = laterSeconds.sorted()
      lines.append(
        String(
          format: "  first answer after %.3f s, then %.3f s (median), %.3f s (longest); ",
          firstSeconds, sorted[sorted.count / 2], sorted[sorted.count - 1])
          + String(format: "%.1f images/s", imagesPerSecond))
    }
    if !isRepeatable { lines.append("  note: the same images got other scores when asked again") }
    return lines + mistakes.map { "  mistake: \($0)" }
  }

  private static func counted(_ texts: [String]) -> [(String, Int)] {
    var counts: [(String, Int)] = []
    for text in texts {
      if let index = counts.firstIndex(where: { $0.0 == text }) {
        counts[index].1 += 1
      } else {
        counts.append((text, 1))
      }
    }
    return counts
  }
}
