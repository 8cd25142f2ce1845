import Foundation
import MPI
import Planning

/// An epoch whose computation is a timed wait and whose communication is real: what a plan predicts,
/// measured on the machines and the network that are there.
public struct EpochRehearsal {
  private let plan: RunPlan
  private let compute: ComputeSeconds
  private let communicator: Communicator
  private let exchange: any SumOverRanks
  private let buckets: [GradientBucket]

  /// A rehearsal on all ranks of `communicator`. Collective.
  ///
  /// - Parameter compute: What is waited for.
  /// - Throws: `AgreedFailure` where there are more ranks than prompts.
  public init(_ plan: RunPlan, _ compute: ComputeSeconds, communicator: Communicator) throws {
    self.plan = plan
    self.compute = compute
    self.communicator = communicator
    try communicator.agreed {
      let promptCount = plan.workload.promptsPerEpoch
      guard promptCount >= communicator.size else {
        throw TrainingError(
          "method.promptsPerEpoch",
          expected: "\(communicator.size) or more, a prompt for each rank",
          found: "\(promptCount)")
      }
    }
    (exchange, buckets) = try Self.exchange(plan.exchange, over: communicator)
  }

  /// Takes one epoch after another. Collective.
  ///
  /// - Returns: Seconds of each on the slowest rank; the same on all ranks.
  public func run(epochCount: Int) throws -> [Double] {
    try (0..<epochCount).map { _ in
      try communicator.barrier()
      let start = ContinuousClock.now
      try runEpoch()
      return try communicator.allReduce((ContinuousClock.now - start) / .seconds(1), by: .max)
    }
  }

  /// Elements of a gradient per second that a rank rounds, adds up and unpacks while all others do.
  /// Collective.
  public static func elementRate(_ communicator: Communicator) throws -> Double {
    let elementCount = 1 << 18
    // With itself alone a rank does the same work, and no network is there.
    let alone = try communicator.split(color: communicator.rank)
    let (exchange, buckets) = try exchange(
      GradientExchange(
        elementCount: elementCount, elementByteCount: 8, bucketElementCount: elementCount),
      over: alone)
    let values = [Double](repeating: 1, count: elementCount)
    var fastest = Double.infinity
    // The first makes the queue's thread.
    for _ in 0..<3 {
      try communicator.barrier()
      let start = ContinuousClock.now
      for index in buckets.indices { exchange.start(index, values) }
      _ = try exchange.finish()
      let seconds = (ContinuousClock.now - start) / .seconds(1)
      fastest = min(fastest, try communicator.allReduce(seconds, by: .max))
    }
    return Double(elementCount) / fastest
  }

  private func runEpoch() throws {
    let workload = plan.workload
    let share = PromptShare(
      of: workload.promptsPerEpoch, rank: communicator.rank, rankCount: communicator.size
    ).range.count
    let window = compute.backwardPerMicroBatch(workload)

    wait(Double(share) * compute.samplePerPrompt)
    try communicator.agreed {}
    try gatherStatistics()
    for inner in 0..<workload.innerSteps {
      let perPrompt =
        compute.gradientPerPrompt
        + (inner > 0 ? workload.extraForwards * compute.forwardPerPrompt : 0)
      wait(Double(share) * perPrompt - window)
      // A rank alone has nobody to exchange with.
      if communicator.size > 1 { try exchangeGradient(during: window) } else { wait(window) }
      try communicator.agreed {}
      _ = try communicator.allReduce(UInt8(0), by: .max)
      wait(compute.updatePerStep)
      try shareWeights()
      try gatherStatistics()
    }
  }

  /// The buckets are ready one after another during the last backward pass.
  private func exchangeGradient(during window: Double) throws {
    let start = ContinuousClock.now
    var readyElementCount = 0
    for (index, bucket) in buckets.enumerated() {
      let values = [Double](repeating: 1, count: bucket.elements.count)
      readyElementCount += values.count
      let part = Double(readyElementCount) / Double(plan.exchange.elementCount)
      wait(window * part - (ContinuousClock.now - start) / .seconds(1))
      exchange.start(index, values)
    }
    _ = try exchange.finish()
  }

  /// With a sharded optimizer each rank has changed a share of the weights.
  private func shareWeights() throws {
    guard plan.exchange.isSharded else { return }
    for bucket in buckets {
      let mine = [Float](repeating: 1, count: bucket.counts[communicator.rank])
      _ = try communicator.allGatherV(mine)
    }
  }

  /// A row of each prompt's numbers.
  private func gatherStatistics() throws {
    var table = [Double](repeating: 0, count: 4 * plan.workload.promptsPerEpoch)
    try communicator.allReduce(&table, by: .sum)
  }

  private func wait(_ seconds: Double) {
    if seconds > 0 { Thread.sleep(forTimeInterval: seconds) }
  }

  private static func exchange(_ exchange: GradientExchange, over communicator: Communicator) throws
    -> (any SumOverRanks, [GradientBucket])
  {
    var start = 0
    let ranges = exchange.buckets.map { count in
      defer { start += count }
      return start..<start + count
    }
    let buckets = GradientBucket.buckets(
      of: ranges, elementLimit: exchange.bucketElementCount, rankCount: communicator.size,
      keepsParametersWhole: false)
    func sum<Wire: GradientScalar>(_: Wire.Type) throws -> any SumOverRanks {
      BucketExchange<Wire>(
        buckets, on: try communicator.duplicate(), sharesSums: !exchange.isSharded,
        keepsResiduals: false)
    }
    switch exchange.elementByteCount {
    case 2: return (try sum(BFloat16.self), buckets)
    case 4: return (try sum(Float.self), buckets)
    default: return (try sum(Double.self), buckets)
    }
  }
}
