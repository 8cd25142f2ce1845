/// The prompts of an epoch that belong to one rank: neighbours in the run's order, as many on each
/// rank as can be; where they cannot be divided the first ranks have one more.
struct PromptShare: Sendable {
  /// The rank's prompts, counted from the epoch's first; empty where there are more ranks than
  /// prompts.
  let range: Range<Int>
  private let promptCount: Int

  /// The share of `rank`, in 0..<`rankCount`, in epochs of `promptCount` prompts over all ranks.
  init(of promptCount: Int, rank: Int, rankCount: Int) {
    precondition(promptCount >= 0 && (0..<rankCount).contains(rank), "a rank has a share")
    let (quotient, remainder) = promptCount.quotientAndRemainder(dividingBy: rankCount)
    let start = rank * quotient + min(rank, remainder)
    range = start..<start + quotient + (rank < remainder ? 1 : 0)
    self.promptCount = promptCount
  }

  /// The positions in the run of the rank's prompts of an epoch, counted from 0.
  func positions(inEpoch epoch: Int) -> Range<Int> {
    let start = epoch * promptCount
    return start + range.lowerBound..<start + range.upperBound
  }

  /// The same positions in groups of `count`, the last of which may have fewer.
  func groups(of count: Int, inEpoch epoch: Int) -> [Range<Int>] {
    let positions = positions(inEpoch: epoch)
    return stride(from: positions.lowerBound, to: positions.upperBound, by: count).map {
      $0..<min($0 + count, positions.upperBound)
    }
  }
}
