import Planning

/// A small run whose figures can be worked out by hand.
enum Examples {
  /// 10 prompts of 4 images, 5 steps of which 3 are trained, micro-batches of 5 samples.
  static let workload = Workload(
    promptsPerEpoch: 10, imagesPerPrompt: 4, samplingSteps: 5, trainedSteps: 3, innerSteps: 2,
    microBatch: 5, latentElementCount: 100, contextByteCount: 1000)

  /// 1,000 elements of 8 bytes in 4 buckets.
  static let exchange = GradientExchange(
    elementCount: 1000, elementByteCount: 8, bucketElementCount: 250)

  static let adapters = ModelFootprint(
    weightByteCount: 50_000, trainedElementCount: 1000, trainsAdapters: true, keepsAverage: false)

  /// 8 kB/s, and no latency.
  static let slow = NetworkFigures(bandwidth: 8000, latency: 0)

  static let compute = ComputeSeconds(
    samplePerPrompt: 3, gradientPerPrompt: 9, forwardPerPrompt: 3, updatePerStep: 0.5)

  static func shape(_ rankCount: Int, slots: Int = 1) -> ClusterShape {
    ClusterShape(rankCount: rankCount, slotsPerHost: slots)
  }
}
