/// Where each held-out reward stood highest, to notice when it falls while the trained reward rises.
struct HeldOutPeaks: Codable, Equatable {
  private struct Peak: Codable, Equatable {
    let step: Int
    let heldOut: RewardMean
    let trained: RewardMean
  }

  /// A difference of so many standard errors is no chance: each of two does so once in 44 times.
  private static let significance = 2.0

  /// By set and reward: `unseen/pickscore`.
  private var peaks: [String: Peak] = [:]

  /// Notes what an evaluation after `step` optimiser steps found.
  ///
  /// - Parameter heldOut: The names of the held-out rewards.
  /// - Returns: What a person should know: of each held-out reward that fell while the trained one
  ///   rose.
  mutating func note(_ results: [EvaluationResult], heldOut names: [String], step: Int) -> [String]
  {
    var warnings: [String] = []
    for result in results {
      for name in names {
        guard let heldOut = result.rewards?[name] else { continue }
        let key = "\(result.set)/\(name)"
        guard let peak = peaks[key], heldOut.mean < peak.heldOut.mean else {
          peaks[key] = Peak(step: step, heldOut: heldOut, trained: result.trained)
          continue
        }
        guard peak.heldOut.significance(over: heldOut) > Self.significance,
          result.trained.significance(over: peak.trained) > Self.significance
        else { continue }
        func change(_ from: RewardMean, _ to: RewardMean) -> String {
          [from, to].map { ProgressText.number($0.mean, digits: 4) }.joined(separator: " to ")
        }
        warnings.append(
          "on \(result.set) the held-out \(name) fell from \(change(peak.heldOut, heldOut)) since step "
            + "\(peak.step), while the trained reward rose from "
            + "\(change(peak.trained, result.trained)): it may be what the reward overlooks that is "
            + "learnt; an earlier checkpoint, a higher method.beta or a lower method.klLimit helps")
      }
    }
    return warnings
  }
}
