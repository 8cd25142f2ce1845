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
  /// The mean reward of the images.
  let rewardMean: Double
  /// The standard deviation of the rewards of all images.
  let rewardDeviation: Double
  /// The divergence of the old policy from the reference, in nats.
  let kl: KLDivergence

  init(_ rollouts: [Rollout], promptCount: Int, _ share: PromptShare, _ communicator: Communicator)
    throws
  {
    let rows = try gatherRows(
      rollouts.map { rollout in
        let count = Double(rollout.rewards.count)
        return [
          rollout.rewards.reduce(0, +) / count,
          rollout.rewards.reduce(0) { $0 + $1 * $1 } / count,
          rollout.kl.trainedSteps, rollout.kl.allSteps,
        ]
      }, width: 4, promptCount: promptCount, share, communicator)
    rewardMean = mean(rows, 0)
    rewardDeviation = max(0, mean(rows, 1) - rewardMean * rewardMean).squareRoot()
    kl = KLDivergence(trainedSteps: mean(rows, 2), allSteps: mean(rows, 3))
  }
}

/// What the objectives of an optimiser step say, over all ranks.
struct StepStatistics {
  /// The mean over prompts.
  let loss: Double
  /// Share of log-ratios (trajectory, step) at or beyond the clip range.
  let clipFraction: Double
  /// Share of pairs left out for equal rewards.
  let tiedPairFraction: Double

  init(
    _ objectives: [PromptObjective], promptCount: Int, _ share: PromptShare,
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
