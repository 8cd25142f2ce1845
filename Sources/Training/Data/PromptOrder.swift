/// Which prompt of which file comes at a position: a function of the position alone, whatever the
/// number of ranks.
///
/// The files take turns in a cycle as long as the sum of their weights, each as often as its weight
/// says and as evenly as can be. Within a file every prompt comes once before any comes twice.
///
/// - Source: nginx, smooth weighted round-robin balancing (commit 52327e0627f4).
struct PromptOrder: Sendable {
  /// A place in the cycle: whose turn it is, and for the how many-eth time in the cycle.
  private struct Turn {
    let file: Int
    let count: Int
  }

  private let turns: [Turn]
  private let weights: [Int]
  private let permutations: [PromptPermutation]

  /// The order of files with `counts` prompts, each drawn in proportion to its weight, that `seed`
  /// decides. The order within a file does not depend on the weights, nor on the files after it.
  init(counts: [Int], weights: [Int], seed: UInt64) {
    precondition(counts.count == weights.count && weights.allSatisfy { $0 > 0 })
    let divisor = weights.reduce(0, greatestCommonDivisor)
    let weights = weights.map { $0 / divisor }
    self.weights = weights
    permutations = counts.enumerated().map { file, count in
      PromptPermutation(count: count, seed: seed ^ UInt64(file) << 32)
    }
    let total = weights.reduce(0, +)
    var claims = weights.map { _ in 0 }
    var counts = claims
    turns = (0..<total).map { _ in
      for file in weights.indices { claims[file] += weights[file] }
      // The first of the largest.
      let file = claims.indices.reduce(0) { claims[$1] > claims[$0] ? $1 : $0 }
      claims[file] -= total
      defer { counts[file] += 1 }
      return Turn(file: file, count: counts[file])
    }
  }

  /// The file whose turn it is at `position`, and which of its prompts comes.
  func place(at position: Int) -> (file: Int, index: Int) {
    precondition(position >= 0, "positions are counted from 0")
    let (cycle, place) = position.quotientAndRemainder(dividingBy: turns.count)
    let turn = turns[place]
    return (
      turn.file, permutations[turn.file].index(at: cycle * weights[turn.file] + turn.count)
    )
  }
}

private func greatestCommonDivisor(_ one: Int, _ other: Int) -> Int {
  other == 0 ? one : greatestCommonDivisor(other, one % other)
}
