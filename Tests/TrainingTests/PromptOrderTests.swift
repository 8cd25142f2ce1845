import Testing

@testable import Training

struct PromptOrderTests {
  @Test(arguments: [1, 2, 3, 7, 100, 1000, 120_000])
  func everyPromptComesOnceAPass(count: Int) {
    let permutation = PromptPermutation(count: count, seed: 1)
    for pass in 0..<2 {
      var isVisited = [Bool](repeating: false, count: count)
      for place in 0..<count { isVisited[permutation.index(at: pass * count + place)] = true }
      #expect(isVisited.allSatisfy { $0 })
    }
  }

  @Test func passesAndSeedsHaveOrdersOfTheirOwn() {
    func order(seed: UInt64, pass: Int) -> [Int] {
      let permutation = PromptPermutation(count: 100, seed: seed)
      return (0..<100).map { permutation.index(at: pass * 100 + $0) }
    }
    let orders = [order(seed: 1, pass: 0), order(seed: 1, pass: 1), order(seed: 2, pass: 0)]
    #expect(Set(orders).count == 3)
    #expect(!orders.contains(Array(0..<100)))
  }

  @Test func promptsAreSpreadEvenly() {
    // Of the first 1000 positions each quarter of the prompts should have 250; the standard
    // deviation of a draw is 13.7, and the numbers are fixed.
    let permutation = PromptPermutation(count: 120_000, seed: 3)
    var counts = [Int](repeating: 0, count: 4)
    for position in 0..<1000 { counts[permutation.index(at: position) / 30_000] += 1 }
    #expect(counts.allSatisfy { abs($0 - 250) < 55 })
  }

  /// Values of an independent implementation in Python. A change here changes every resumed run.
  @Test func theOrderIsStable() {
    let seven = PromptPermutation(count: 7, seed: 1)
    #expect((0..<10).map(seven.index) == [4, 2, 0, 3, 5, 6, 1, 1, 2, 5])
    let many = PromptPermutation(count: 120_000, seed: 1)
    #expect((0..<5).map(many.index) == [14358, 65808, 73095, 96618, 92036])
    #expect([119_999, 120_000, 1_000_000_000].map(many.index) == [99450, 27445, 104_685])
    #expect(PromptPermutation(count: 120_000, seed: 2).index(at: 0) == 48686)
  }

  @Test func everyPositionOfAnEpochBelongsToOneRank() {
    for promptCount in [1, 4, 16, 65] {
      for rankCount in 1...min(promptCount, 9) {
        let shares = (0..<rankCount).map {
          PromptShare(of: promptCount, rank: $0, rankCount: rankCount)
        }
        let positions = shares.flatMap { Array($0.positions(inEpoch: 3)) }
        #expect(positions == Array(3 * promptCount..<4 * promptCount))
        let counts = shares.map(\.range.count)
        #expect(counts == counts.sorted(by: >) && (counts.max() ?? 0) - (counts.min() ?? 0) <= 1)
      }
    }
  }

  @Test func theFirstRanksHaveOneMore() {
    let shares = (0..<4).map { PromptShare(of: 10, rank: $0, rankCount: 4) }
    #expect(shares.map(\.range) == [0..<3, 3..<6, 6..<8, 8..<10])
    #expect(PromptShare(of: 2, rank: 2, rankCount: 3).range.isEmpty)
  }

  /// Values of an independent implementation in Python. A change here changes every run.
  @Test(
    arguments: [
      (0, 0, 0, 0x2382_75bc_38fc_be91), (1, 0, 0, 0xb18a_02f4_6d8d_86c3),
      (0, 1, 0, 0x44e5_b981_00c6_7fb0), (0, 0, 1, 0x2f32_a784_96c6_7c60),
      (1, 2, 3, 0xd073_4750_fde3_62b3), (UInt64.max, 1_000_000_000_000, 7, 0xebf3_71fb_7966_df3b),
    ] as [(UInt64, Int, Int, UInt64)])
  func noiseSeedsAreStable(runSeed: UInt64, position: Int, imageIndex: Int, seed: UInt64) {
    #expect(noiseSeed(runSeed: runSeed, position: position, imageIndex: imageIndex) == seed)
  }

  @Test func aMillionImagesHaveAMillionSeeds() {
    var seeds = [UInt64]()
    seeds.reserveCapacity(1_000_000)
    for runSeed in 0..<2 as Range<UInt64> {
      for position in 0..<62_500 {
        for image in 0..<8 {
          seeds.append(noiseSeed(runSeed: runSeed, position: position, imageIndex: image))
        }
      }
    }
    #expect(Set(seeds).count == 1_000_000)
  }
}

struct PromptMixTests {
  @Test func oneFileComesInTheOrderOfItsPermutation() {
    let order = PromptOrder(counts: [1000], weights: [7], seed: 5)
    let permutation = PromptPermutation(count: 1000, seed: 5)
    for position in [0, 1, 2, 999, 1000, 123_456] {
      let place = order.place(at: position)
      #expect(place.file == 0 && place.index == permutation.index(at: position))
    }
  }

  @Test(arguments: [[1, 1], [2, 1], [3, 5, 2], [1, 1000], [4, 6], [7]])
  func eachFileHasItsExactShare(weights: [Int]) {
    let order = PromptOrder(counts: weights.map { _ in 10 }, weights: weights, seed: 1)
    let total = weights.reduce(0, +)
    var counts = weights.map { _ in 0 }
    for position in 0..<3 * total {
      counts[order.place(at: position).file] += 1
      // Nowhere is a file a whole turn behind or ahead.
      for (count, weight) in zip(counts, weights) {
        let due = Double((position + 1) * weight) / Double(total)
        #expect(abs(Double(count) - due) < Double(weights.count), "\(position)")
      }
    }
    #expect(counts == weights.map { 3 * $0 })
  }

  @Test func everyPromptOfAFileComesOnceBeforeAnyComesTwice() {
    let counts = [7, 100, 3]
    let order = PromptOrder(counts: counts, weights: [2, 3, 1], seed: 3)
    var visits = counts.map { [Int](repeating: 0, count: $0) }
    for position in 0..<5000 {
      let (file, index) = order.place(at: position)
      visits[file][index] += 1
      let least = visits[file].reduce(.max, min)
      #expect(visits[file][index] <= least + 1)
    }
    #expect(visits.allSatisfy { !$0.contains(0) })
  }

  @Test func filesOfEqualLengthHaveOrdersOfTheirOwn() {
    let order = PromptOrder(counts: [50, 50], weights: [1, 1], seed: 1)
    let places = (0..<100).map(order.place)
    #expect(places.map(\.file) == (0..<100).map { $0 % 2 })
    let orders = (0..<2).map { file in places.filter { $0.file == file }.map(\.index) }
    #expect(orders[0] != orders[1])
    #expect(orders.map { $0.sorted() } == [Array(0..<50), Array(0..<50)])
  }

  /// Worked out by hand. A change here changes every resumed run.
  @Test func turnsAreSpreadEvenly() {
    func files(_ weights: [Int]) -> [Int] {
      let order = PromptOrder(counts: weights.map { _ in 9 }, weights: weights, seed: 1)
      return (0..<2 * weights.reduce(0, +)).map { order.place(at: $0).file }
    }
    #expect(files([5, 1, 1]) == [0, 0, 1, 0, 2, 0, 0, 0, 0, 1, 0, 2, 0, 0])
    #expect(files([2, 1]) == [0, 1, 0, 0, 1, 0])
    // The same as 1 to 2.
    #expect(files([2, 4]).prefix(6) == [1, 0, 1, 1, 0, 1])
  }
}
