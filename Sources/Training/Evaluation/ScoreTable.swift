import MPI
import Rewards

/// The scores of an evaluation's images, of which each rank fills in its part.
struct ScoreTable {
  /// What the images are scored by, in the order of the rows below the first.
  let names: [String]
  let imageCount: Int
  /// The weighted sums, and below them a row for each reward; 0 where another rank fills in, NaN for
  /// a missing score.
  private var values: [Double]

  /// A table with nothing filled in.
  init(of scorer: WeightedReward, imageCount: Int) {
    names = scorer.terms.map(\.reward.name)
    self.imageCount = imageCount
    values = Array(repeating: 0, count: imageCount * (1 + names.count))
  }

  /// Where the batches begin that a rank draws. They have the same shape whatever the number of
  /// ranks, each whole on one rank, so that scores do not depend on it.
  static func starts(imageCount: Int, batchCount: Int, _ communicator: Communicator) -> [Int] {
    stride(from: 0, to: imageCount, by: batchCount).enumerated()
      .filter { $0.offset % communicator.size == communicator.rank }.map(\.element)
  }

  /// Fills in what was found for the images from `start` on.
  mutating func fill(from start: Int, with scores: WeightedScores) {
    let rows = [scores.sums] + scores.components.map { $0.map(\.value) }
    for (row, found) in rows.enumerated() {
      let first = row * imageCount + start
      values.replaceSubrange(first..<first + found.count, with: found.withNaN)
    }
  }

  /// Puts the ranks' parts together. Collective.
  mutating func join(_ communicator: Communicator) throws {
    // Every element has one owner and is 0 elsewhere, so the sums are exact.
    try communicator.allReduce(&values, by: .sum)
  }

  /// The weighted sum of each image, `nil` where a score is missing.
  var sums: [Double?] { row(0) }

  /// What each reward says of each image, raw, `nil` where it is missing: [rewards][images].
  var components: [[Double?]] { names.indices.map { row($0 + 1) } }

  private func row(_ index: Int) -> [Double?] {
    [Double?](withNaN: values[index * imageCount..<(index + 1) * imageCount])
  }
}
