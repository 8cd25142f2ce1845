import MPI
import PRDP

/// Numbers of an epoch's prompts, the same on every rank.
///
/// Each rank fills in the rows of its own prompts and zeros elsewhere. As every row has one owner the
/// sum over ranks is exact, and what is computed from the rows does not depend on the number of
/// ranks.
func gatherRows(
  _ rows: [[Double]], width: Int, promptCount: Int, _ share: PromptShare,
  _ communicator: Communicator
) throws -> [[Double]] {
  var table = [Double](repeating: 0, count: promptCount * width)
  for (place, row) in zip(share.range, rows) {
    for (column, value) in row.enumerated() { table[place * width + column] = value }
  }
  try communicator.allReduce(&table, by: .sum)
  return (0..<promptCount).map { Array(table[$0 * width..<($0 + 1) * width]) }
}

private func mean(_ rows: [[Double]], _ column: Int) -> Double {
  rows.reduce(0) { $0 + $1[column] } / Double(rows.count)
}

/// What an epoch's trajectories say, over all ranks.
struct SamplingStatistics {
  /// The mean reward of the images that have one.
  let rewardMean: Double
  /// The standard deviation of the rewards of those images.
  let rewardDeviation: Double
  /// The images whose reward is missing.
  let missingCount: Int
  /// The mean of what each term of the reward says, raw, over the images that it has a score for.
  let componentMeans: [Double]
  /// The divergence of the old policy from the reference, in nats.
  let kl: KLDivergence

  /// Gathers the statistics of all ranks. Collective.
  ///
  /// - Parameter termCount: The terms of the reward.
  init(
    _ rollouts: [Rollout], termCount: Int, promptCount: Int, _ share: PromptShare,
    _ communicator: Communicator
  ) throws {
    let rows = try gatherRows(
      rollouts.map { rollout in
        let moments = Moments(of: rollout.rewards)
        return [
          moments.mean, moments.meanSquare, moments.knownFraction, Double(rollout.missingCount),
          rollout.kl.trainedSteps, rollout.kl.allSteps,
        ]
          + (0..<termCount).flatMap { term in
            let moments = Moments(
              of: rollout.components.isEmpty ? [] : rollout.components[term])
            return [moments.mean, moments.knownFraction]
          }
      }, width: 6 + 2 * termCount, promptCount: promptCount, share, communicator)
    // Where no score is missing this divides by 1, and where all are it gives NaN.
    func meanOfKnown(_ column: Int, knownFraction: Int) -> Double {
      mean(rows, column) / mean(rows, knownFraction)
    }
    rewardMean = meanOfKnown(0, knownFraction: 2)
    rewardDeviation =
      max(0, meanOfKnown(1, knownFraction: 2) - rewardMean * rewardMean).squareRoot()
    missingCount = Int(rows.reduce(0) { $0 + $1[3] })
    kl = KLDivergence(trainedSteps: mean(rows, 4), allSteps: mean(rows, 5))
    componentMeans = (0..<termCount).map {
      meanOfKnown(6 + 2 * $0, knownFraction: 7 + 2 * $0)
    }
  }

  /// Sums over the scores that are known, each divided by the number of all.
  private struct Moments {
    let mean: Double
    let meanSquare: Double
    let knownFraction: Double

    init(of scores: [Double?]) {
      let known = scores.compactMap(\.self)
      let count = Double(max(1, scores.count))
      mean = known.reduce(0, +) / count
      meanSquare = known.reduce(0) { $0 + $1 * $1 } / count
      knownFraction = Double(known.count) / count
    }
  }
}

/// What the objectives of an optimiser step say, over all ranks.
struct StepStatistics {
  /// The mean over prompts.
  let loss: Double
  /// Share of log-ratios (trajectory, step) at or beyond the clip range.
  let clipFraction: Double
  /// Share of pairs with equal rewards.
  let tiedPairFraction: Double

  init(
    _ objectives: [any StepObjective], promptCount: Int, _ share: PromptShare,
    _ communicator: Communicator
  ) throws {
    let rows = try gatherRows(
      objectives.map { [$0.loss, $0.clipFraction, $0.tiedPairFraction] },
      width: 3, promptCount: promptCount, share, communicator)
    loss = mean(rows, 0)
    clipFraction = mean(rows, 1)
    tiedPairFraction = mean(rows, 2)
  }
}
