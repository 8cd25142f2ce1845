import Dispatch
import Foundation
import MPI
import Synchronization

/// Adds up buckets over all ranks while their values are still to come.
protocol SumOverRanks: AnyObject {
  func start(_ index: Int, _ values: [Double])
  func finish() throws -> [Int: [Double]]
  var sentResidual: [Float] { get set }
  var sumResidual: [Float] { get set }
}

/// Adds up buckets over all ranks, one after another, beside the thread that computes.
///
/// A rank sends every other rank that one's part of the bucket, adds up the parts that it gets in
/// rank order, in float64, and sends the result to all: 2 (R - 1) / R of the bucket's bytes go out
/// and come in, as in the best all-reduce.
///
/// - Source: Thakur et al., "Optimization of Collective Communication Operations in MPICH", 2005
///   (Rabenseifner's algorithm, with a direct exchange in place of halving).
final class BucketExchange<Wire: GradientScalar>: SumOverRanks, @unchecked Sendable {
  /// What the rounding to `Wire` left out, to be added to the next gradient: as many elements as
  /// the gradient has. The values that this rank sends...
  var sentResidual: [Float]
  /// ...and the sums of its parts.
  var sumResidual: [Float]

  // Only jobs of the queue, one at a time, and the main thread while there is none, use what is not
  // Sendable here.
  private let communicator: Communicator
  private let buckets: [GradientBucket]
  private let sharesSums: Bool
  private let queue = DispatchQueue(label: "gradient averaging")
  private let jobs = DispatchGroup()
  private let results = Mutex<[Int: Result<[Double], any Error>]>([:])
  private let isAwaited = Atomic(false)

  /// - Parameters:
  ///   - communicator: Its own: nobody else uses it.
  ///   - sharesSums: Whether every rank gets all sums, or each only that of its parts.
  ///   - keepsResiduals: Whether what rounding leaves out is made up for later.
  init(
    _ buckets: [GradientBucket], on communicator: Communicator, sharesSums: Bool,
    keepsResiduals: Bool
  ) {
    self.buckets = buckets
    self.communicator = communicator
    self.sharesSums = sharesSums
    let count = keepsResiduals ? buckets.reduce(0) { $0 + $1.elements.count } : 0
    sentResidual = Array(repeating: 0, count: count)
    sumResidual = sentResidual
  }

  /// Starts to add up a bucket with this rank's values. All ranks start the same ones in the same
  /// order.
  func start(_ index: Int, _ values: [Double]) {
    queue.async(group: jobs) { [self] in
      let result = Result { try sum(buckets[index], values) }
      results.withLock { $0[index] = result }
    }
  }

  /// Waits for all that was started.
  ///
  /// - Returns: The sums by bucket: of all elements, or where they are not shared of this rank's part.
  /// - Throws: `MPIError`.
  func finish() throws -> [Int: [Double]] {
    // The waiting thread's core is free now.
    isAwaited.store(true, ordering: .relaxed)
    jobs.wait()
    isAwaited.store(false, ordering: .relaxed)
    return try results.withLock { results in
      defer { results = [:] }
      return try results.mapValues { try $0.get() }
    }
  }

  private func sum(_ bucket: GradientBucket, _ values: [Double]) throws -> [Double] {
    let start = bucket.elements.lowerBound
    let mine = bucket.parts[communicator.rank]
    let scatter = try communicator.startAllToAll(
      Wire.self, sending: bucket.counts,
      receiving: Array(repeating: mine.count, count: communicator.size)
    ) { buffer in
      var place = 0
      for part in bucket.parts {
        for element in part {
          buffer[place] = round(values[element - start], &sentResidual, element)
          place += 1
        }
      }
    }
    try wait { try scatter.isDone() }
    let total = try scatter.withReceived { parts in
      var total = parts[..<mine.count].map(\.gradient)
      for rank in 1..<communicator.size {
        let part = UnsafeBufferPointer(rebasing: parts[rank * mine.count..<(rank + 1) * mine.count])
        for index in total.indices { total[index] += part[index].gradient }
      }
      return total
    }
    return sharesSums ? try share(total, of: bucket) : total
  }

  private func share(_ total: [Double], of bucket: GradientBucket) throws -> [Double] {
    let start = bucket.elements.lowerBound
    let mine = bucket.parts[communicator.rank]
    let gather = try communicator.startAllGatherV(Wire.self, counts: bucket.counts) { buffer in
      for (place, element) in mine.enumerated() {
        buffer[place] = round(total[place], &sumResidual, element)
      }
    }
    try wait { try gather.isDone() }
    return try gather.withReceived { sums in
      var result = [Double](repeating: 0, count: bucket.elements.count)
      var place = 0
      for part in bucket.parts {
        for element in part {
          result[element - start] = sums[place].gradient
          place += 1
        }
      }
      return result
    }
  }

  /// The nearest number of the type on the network; what that leaves out goes to the next one.
  private func round(_ value: Double, _ residual: inout [Float], _ element: Int) -> Wire {
    guard !residual.isEmpty else { return Wire(gradient: value) }
    let wanted = value + Double(residual[element])
    let rounded = Wire(gradient: wanted)
    residual[element] = Float(wanted - rounded.gradient)
    return rounded
  }

  /// Lets MPI go on until it is done. Open MPI works within calls only; waiting in one would take the
  /// core from the computation.
  private func wait(until isDone: () throws -> Bool) throws {
    while try !isDone() {
      if isAwaited.load(ordering: .relaxed) { sched_yield() } else { usleep(100) }
    }
  }
}
