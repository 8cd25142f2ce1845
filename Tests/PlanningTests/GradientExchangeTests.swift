import Testing

@testable import Planning

struct GradientExchangeTests {
  @Test(arguments: [
    (elements: 1000, bucket: 1000, [1000]),
    (elements: 1000, bucket: 999, [999, 1]),
    (elements: 1000, bucket: 250, [250, 250, 250, 250]),
    (elements: 3, bucket: 1, [1, 1, 1]),
  ]) func bucketsHoldAllElements(elements: Int, bucket: Int, expected: [Int]) {
    let exchange = GradientExchange(
      elementCount: elements, elementByteCount: 8, bucketElementCount: bucket)
    #expect(exchange.buckets == expected)
  }

  // 8,000 bytes: a rank sends and receives 2 (R - 1) / R of them, a host h 2 (R - h) / R.
  @Test(arguments: [
    (ranks: 1, slots: 1, rank: 0.0, host: 0.0),
    (ranks: 2, slots: 1, rank: 8000, host: 8000),
    (ranks: 2, slots: 2, rank: 8000, host: 0),
    (ranks: 4, slots: 1, rank: 12000, host: 12000),
    (ranks: 4, slots: 2, rank: 12000, host: 16000),
    (ranks: 8, slots: 4, rank: 14000, host: 32000),
  ]) func whatIsSentFollowsFromRanksAndHosts(ranks: Int, slots: Int, rank: Double, host: Double) {
    let shape = Examples.shape(ranks, slots: slots)
    #expect(abs(Examples.exchange.bytesPerRank(shape) - rank) < 1e-9)
    #expect(abs(Examples.exchange.bytesPerHost(shape) - host) < 1e-9)
  }

  @Test func theNetworksTimeIsItsBytesByItsBandwidth() {
    // 2 ranks: 8,000 bytes at 8,000 a second.
    #expect(abs(Examples.exchange.seconds(Examples.shape(2), Examples.slow) - 1) < 1e-9)
    #expect(Examples.exchange.seconds(Examples.shape(1), Examples.slow) == 0)
  }

  @Test func latencyAndWorkCountForEveryBucket() {
    // 4 buckets, 2 collectives each, 3 messages one after another; 1,000 elements at 500 a second.
    let network = NetworkFigures(bandwidth: 1e30, latency: 0.01, elementRate: 500)
    #expect(abs(Examples.exchange.seconds(Examples.shape(2), network) - 2.24) < 1e-9)
    // Within a host no message crosses the network.
    #expect(abs(Examples.exchange.seconds(Examples.shape(2, slots: 2), network) - 2) < 1e-9)
  }

  @Test func whatStaysOnTheHostTakesItsTimeToo() {
    // 4 ranks on 2 hosts: of 16,000 bytes a rank sends a quarter to its neighbour, and 2 ranks half
    // to the other host.
    let network = NetworkFigures(bandwidth: 8000, latency: 0, localBandwidth: 4000)
    let seconds = Examples.exchange.seconds(Examples.shape(4, slots: 2), network)
    #expect(abs(seconds - (2 + 1)) < 1e-9)
  }

  @Test func aShardedOptimizerSharesTheWeightsAfterwards() {
    var exchange = Examples.exchange
    exchange.isSharded = true
    // 8,000 bytes of gradient and 4,000 of weights, half of each to the other rank.
    #expect(exchange.bytesPerRank(Examples.shape(2)) == 6000)
    #expect(abs(exchange.seconds(Examples.shape(2), Examples.slow) - 0.75) < 1e-9)
    // However long the backward pass is, the weights come after it, and the last bucket.
    let exposed = exchange.exposedSeconds(Examples.shape(2), Examples.slow, window: 9)
    #expect(abs(exposed - (0.125 + 0.25)) < 1e-9)
  }

  // 4 buckets of a quarter second each, ready at quarters of the window.
  @Test(arguments: [
    // Nothing hides it.
    (window: 0.0, exposed: 1.0),
    // The first begins at 0.1; all follow: 1.1 - 0.4.
    (window: 0.4, exposed: 0.7),
    // Each is done when the next is ready, and the last after the window.
    (window: 1.0, exposed: 0.25),
    (window: 9.0, exposed: 0.25),
  ]) func theBackwardPassHidesAllButTheLastBucket(window: Double, exposed: Double) {
    let seconds = Examples.exchange.exposedSeconds(
      Examples.shape(2), Examples.slow, window: window)
    #expect(abs(seconds - exposed) < 1e-9)
  }
}
