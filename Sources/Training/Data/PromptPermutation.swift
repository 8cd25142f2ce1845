import Scenes

/// The order in which a run visits its prompts: every prompt once a pass, each pass in an order of
/// its own, computed for any position without a list.
///
/// A Feistel network permutes the numbers of an even count of bits; a number beyond the last prompt
/// is sent through again until it is none, which leaves a permutation of the prompts.
///
/// - Source: Luby, Rackoff, "How to construct pseudorandom permutations from pseudorandom
///   functions", SIAM J. Comput. 1988; Black, Rogaway, "Ciphers with arbitrary finite domains",
///   CT-RSA 2002 (cycle walking).
struct PromptPermutation: Sendable {
  /// The number of prompts; at least 1.
  let count: Int
  private let seed: UInt64
  private let halfBitCount: UInt64

  private static let roundCount: UInt64 = 6

  /// The order of `count` prompts that `seed` decides.
  init(count: Int, seed: UInt64) {
    precondition(count > 0, "a run has prompts")
    self.count = count
    self.seed = splitMix(seed)
    let bitCount = max(2, Int.bitWidth - (count - 1).leadingZeroBitCount)
    halfBitCount = UInt64(bitCount + 1) / 2
  }

  /// The index in 0..<``count`` of the prompt that comes at `position`, counted from the run's
  /// start on through all passes.
  func index(at position: Int) -> Int {
    precondition(position >= 0, "positions are counted from 0")
    let (pass, place) = position.quotientAndRemainder(dividingBy: count)
    let key = splitMix(seed ^ UInt64(pass))
    var value = UInt64(place)
    repeat { value = permute(value, key: key) } while value >= UInt64(count)
    return Int(value)
  }

  private func permute(_ value: UInt64, key: UInt64) -> UInt64 {
    let mask = (1 << halfBitCount) - 1 as UInt64
    var (left, right) = (value >> halfBitCount, value & mask)
    for round in 0..<Self.roundCount {
      // A half has at most 32 bits: round and half do not overlap.
      (left, right) = (right, left ^ (splitMix(key ^ round << 32 ^ right) & mask))
    }
    return left << halfBitCount | right
  }
}
