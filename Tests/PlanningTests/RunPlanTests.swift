import Testing

@testable import Planning

struct RunPlanTests {
  private var plan: RunPlan {
    var plan = RunPlan(
      Examples.workload, Examples.adapters, Examples.exchange, slotsPerHost: 1,
      keptCheckpointCount: 2)
    plan.compute = Examples.compute
    plan.network = Examples.slow
    return plan
  }

  @Test(arguments: [
    (ranks: 1, largest: 10, smallest: 10, idle: 0.0),
    (ranks: 2, largest: 5, smallest: 5, idle: 0),
    // 10 of 4 times 3.
    (ranks: 4, largest: 3, smallest: 2, idle: 1.0 / 6),
    (ranks: 10, largest: 1, smallest: 1, idle: 0),
  ]) func sharesAreEvenAsFarAsTheyCanBe(ranks: Int, largest: Int, smallest: Int, idle: Double) {
    let geometry = BatchGeometry(Examples.workload, rankCount: ranks)
    #expect(geometry.largestShare == largest)
    #expect(geometry.smallestShare == smallest)
    #expect(abs(geometry.idleFraction - idle) < 1e-12)
    // 12 samples of a prompt, 5 at a time.
    #expect(geometry.microBatchesPerStep == 3 * largest)
  }

  @Test func anEpochsTimeIsThatOfTheRanksWithTheMostPrompts() throws {
    // A rank with 10 prompts: samples 10 * 3, gradients 10 * (2 * 9 + 3), 2 updates.
    let alone = try #require(plan.row(rankCount: 1).seconds)
    #expect(alone.sample == 30)
    #expect(alone.gradient == 210)
    #expect(alone.communicate == 0)
    #expect(alone.update == 1)
    #expect(alone.total == 241)
    // Two: half of the prompts, and twice a quarter second behind backward passes of 2 seconds.
    let row = plan.row(rankCount: 2)
    let two = try #require(row.seconds)
    #expect(two.sample == 15)
    #expect(two.gradient == 105)
    #expect(abs(two.communicate - 0.5) < 1e-9)
    #expect(abs(two.total - 121.5) < 1e-9)
    #expect(abs(try #require(row.efficiency) - 241 / 243) < 1e-9)
  }

  @Test func ranksAgreeByMessagesThroughATree() {
    var network = Examples.slow
    func seconds(_ ranks: Int) -> Double {
      EpochSeconds(
        Examples.workload, Examples.compute, Examples.exchange, network, Examples.shape(ranks)
      ).communicate
    }
    let without = seconds(4)
    network = NetworkFigures(bandwidth: 8000, latency: 1e-6)
    // 3 agreements and 4 of each of 2 steps, 2 rounds each; and the last bucket's 6 in each step.
    #expect(abs(seconds(4) - without - (22e-6 + 12e-6)) < 1e-12)
  }

  @Test func memoryIsCountedByPart() {
    let row = plan.row(rankCount: 4)
    let parts = Dictionary(uniqueKeysWithValues: row.memory.map { ($0.name, $0.byteCount) })
    // 4 images of 6 latents of 100 numbers of 4 bytes, 3 steps of 16 bytes, and 8.
    let trajectory = 4 * (6 * 100 * 4 + 3 * 16 + 8)
    #expect(
      parts == [
        "weights": 50_000, "adapters": 4000, "gradients": 24_000, "optimiser": 8000,
        "trajectories": 3 * trajectory, "encodings": 3000, "exchange": 8000 + 2 * 2000,
      ])
    #expect(row.disk.inFlightBytesPerRank == 3 * trajectory)
    #expect(row.disk.checkpointByteCount == 12_000)
    #expect(row.disk.retainedByteCount == 36_000)
  }

  @Test func anAverageIsKeptInMemoryAndOnDisk() {
    var plan = plan
    plan.footprint.keepsAverage = true
    plan.activationByteCount = 777
    let row = plan.row(rankCount: 1)
    #expect(row.memory.first { $0.name == "average" }?.byteCount == 4000)
    #expect(row.memory.first { $0.name == "activations" }?.basis == .measured)
    #expect(row.disk.checkpointByteCount == 16_000)
  }

  @Test func whatSixteenBitsLeaveOutIsKeptOnEveryRank() {
    var plan = plan
    plan.exchange.elementByteCount = 2
    let row = plan.row(rankCount: 4)
    #expect(row.memory.first { $0.name == "residuals" }?.byteCount == 8000)
    #expect(row.disk.checkpointByteCount == 12_000 + 4 * 8000)
  }

  @Test func laterStepsSaveAForwardPassWhereAPromptFitsInAMicroBatch() throws {
    var plan = plan
    let apart = try #require(plan.row(rankCount: 1).seconds).gradient
    plan.workload.microBatch = 12
    // Ten prompts of 3 seconds, at the second of two steps.
    #expect(try #require(plan.row(rankCount: 1).seconds).gradient == apart - 30)
  }

  @Test func aShardedOptimizerIsDividedAmongTheRanks() {
    var plan = plan
    plan.exchange.isSharded = true
    #expect(plan.row(rankCount: 4).memory.first { $0.name == "optimiser" }?.byteCount == 2000)
  }

  @Test func moreRanksThanPromptsHaveNoTime() {
    let row = plan.row(rankCount: 11)
    #expect(row.geometry == nil)
    #expect(row.seconds == nil)
    #expect(plan.text(rankCounts: [11]).contains("more ranks than prompts"))
  }

  @Test func whatIsNotKnownIsSaid() {
    var plan = plan
    plan.compute = nil
    plan.network = nil
    #expect(plan.row(rankCount: 2).seconds == nil)
    let text = plan.text(rankCounts: [2])
    #expect(text.contains("compute   not known"))
    #expect(text.contains("network   not known"))
    #expect(text.contains("activations   not known"))
  }

  @Test func theTableHasALineForEachNumberOfRanks() {
    let expected = """
          1      1       10   0 %         0 B       0 B  206 kB    30.0 s     210 s       0 s  \
      1.00 s   241 s       0.2       100 %
          4      4        3  17 %     12.0 kB   24.0 kB  130 kB    9.00 s    63.0 s    750 ms  \
      1.00 s  73.8 s       0.5        82 %
         10     10        1   0 %     14.4 kB   28.8 kB  109 kB    3.00 s    21.0 s    900 ms  \
      1.00 s  25.9 s       1.5        93 %

      """
    #expect(plan.text(rankCounts: [1, 4, 10]).hasSuffix(expected))
  }

  @Test(arguments: [
    (0.0, "0 B"), (999, "999 B"), (999.6, "1.00 kB"), (1234, "1.23 kB"), (99_960, "100 kB"),
    (5.5e9, "5.50 GB"),
  ]) func bytesHaveThreeDigits(count: Double, text: String) {
    #expect(byteText(count) == text)
  }

  @Test(arguments: [
    (0.0, "0 s"), (2e-6, "2.00 us"), (0.99951e-3, "1.00 ms"), (0.25, "250 ms"), (61, "61.0 s"),
  ]) func secondsHaveThreeDigits(seconds: Double, text: String) {
    #expect(secondsText(seconds) == text)
  }
}
