import MPI
import Torch
import TorchNN

/// Adds up gradients over all ranks, while they are still being computed where it can.
///
/// Every rank, also one that failed, calls ``addUp(scale:)`` or ``giveUp()`` for each gradient, and
/// then ``finish()``: the others wait for its values.
final class GradientAverager {
  /// In which numbers gradients go over the network.
  enum WireType: String, Sendable, CaseIterable {
    /// What they are added up in.
    case float64
    /// Half the bytes.
    case float32
    /// A quarter; what rounding leaves out is made up for in the next step.
    case bfloat16
  }

  let buckets: [GradientBucket]
  private let communicator: Communicator
  private let gradient: FlatGradient
  private let isSharded: Bool
  private let exchange: any SumOverRanks
  /// The buckets from here on were not handed over yet.
  private var next = 0
  private var completed: Set<Int> = []
  private var failure: (any Error)?

  /// Collective.
  ///
  /// - Parameters:
  ///   - buckets: Of `gradient`, for the ranks of `communicator`; of whole parameters with
  ///     `isSharded`.
  ///   - isSharded: Whether a rank needs the sums of its parts only.
  init(
    _ gradient: FlatGradient, _ buckets: [GradientBucket], over communicator: Communicator,
    wireType: WireType = .float64, isSharded: Bool = false
  ) throws {
    self.gradient = gradient
    self.buckets = buckets
    self.communicator = communicator
    self.isSharded = isSharded
    func exchange<Wire: GradientScalar>(_: Wire.Type) throws -> any SumOverRanks {
      BucketExchange<Wire>(
        buckets, on: try communicator.duplicate(), sharesSums: !isSharded,
        keepsResiduals: wireType == .bfloat16 && communicator.size > 1)
    }
    switch wireType {
    case .float64: self.exchange = try exchange(Double.self)
    case .float32: self.exchange = try exchange(Float.self)
    case .bfloat16: self.exchange = try exchange(BFloat16.self)
    }
  }

  /// Runs the last backward pass of a gradient and hands over each bucket as soon as it is complete.
  ///
  /// - Parameter scale: What the gradients that the pass leaves at the parameters are multiplied by.
  func overlap(scale: Double, _ backward: () throws -> Void) throws {
    guard communicator.size > 1 else { return try backward() }
    let groups = buckets.map { bucket in bucket.parameters.map { gradient.parameters[$0].tensor } }
    let watch = try GradientWatch(groups) { [self] index in
      completed.insert(index)
      // No error can leave a backward pass: the first is kept, and no bucket follows it.
      guard failure == nil else { return }
      do {
        while completed.contains(next) { try handOver(scale: scale) }
      } catch {
        failure = error
      }
    }
    try withExtendedLifetime(watch, backward)
    if let failure { throw failure }
  }

  /// Adds the gradients at the parameters to the rank's own sum, and hands over what is left of it.
  func addUp(scale: Double) throws {
    guard communicator.size > 1 else { return try gradient.collect(scale: scale) }
    while next < buckets.count { try handOver(scale: scale) }
    let late = try gradient.parameters.filter { try $0.tensor.gradient() != nil }
    precondition(late.isEmpty, "\(late.first?.name ?? "") had a gradient after its bucket was sent")
  }

  /// Hands over zeros for all that is left, on a rank that cannot go on: the others wait for it. They
  /// learn that the sum is of no use by other means.
  func giveUp() {
    for parameter in gradient.parameters { parameter.tensor.clearGradient() }
    guard communicator.size > 1 else { return }
    while next < buckets.count {
      exchange.start(next, Array(repeating: 0, count: buckets[next].elements.count))
      next += 1
    }
  }

  /// Waits for the sums over all ranks, and puts them in the gradient's place.
  ///
  /// With a sharded optimizer only ``ownedParameters`` have their sums then.
  ///
  /// - Throws: `MPIError`; `TensorError`.
  func finish() throws {
    next = 0
    completed = []
    failure = nil
    for (index, sums) in try exchange.finish() {
      let bucket = buckets[index]
      let range = isSharded ? bucket.parts[communicator.rank] : bucket.elements
      if !range.isEmpty { try gradient.replace(from: range.lowerBound, with: sums) }
    }
  }

  /// The indices of the parameters that this rank's optimizer changes: all, or with a sharded
  /// optimizer a share of them.
  var ownedParameters: [Int] {
    isSharded
      ? buckets.parameters(ofRank: communicator.rank, gradient.ranges)
      : Array(gradient.parameters.indices)
  }

  /// Hands over the next bucket.
  private func handOver(scale: Double) throws {
    let bucket = buckets[next]
    try gradient.collect(bucket.parameters, scale: scale)
    exchange.start(next, try gradient.values(in: bucket.elements))
    next += 1
  }
}

// MARK: - A sharded optimizer

extension GradientAverager {
  /// The norm of the whole gradient. Collective.
  func norm() throws -> Double {
    guard isSharded else { return try gradient.clip(toNorm: .infinity) }
    var squares = [Double](repeating: 0, count: gradient.parameters.count)
    for index in ownedParameters {
      let norm = try gradient.norm(of: index)
      squares[index] = norm * norm
    }
    // Every element has one owner and is 0 elsewhere, so the sums are exact.
    try communicator.allReduce(&squares, by: .sum)
    return squares.reduce(0, +).squareRoot()
  }

  /// Gives every rank the parameters that the others have changed. Collective.
  func shareParameters() throws {
    guard isSharded, communicator.size > 1 else { return }
    for bucket in buckets {
      let owners = (0..<communicator.size).map { rank in
        [bucket].parameters(ofRank: rank, gradient.ranges)
      }
      let mine = try owners[communicator.rank].flatMap {
        try gradient.parameters[$0].tensor.detached().values(as: Float.self)
      }
      for (indices, values) in zip(owners, try communicator.allGatherV(mine)) {
        var start = 0
        for index in indices {
          let tensor = gradient.parameters[index].tensor
          let end = start + tensor.count
          try tensor.assign(
            Tensor(Array(values[start..<end]), shape: tensor.shape).to(tensor.device))
          start = end
        }
      }
    }
  }
}

// MARK: - What rounding left out

extension GradientAverager {
  /// What rounding to the type on the network left out so far on this rank; empty where nothing is.
  /// With these a run goes on as if it had never stopped.
  var residuals: (sent: [Float], sums: [Float]) {
    get { (exchange.sentResidual, exchange.sumResidual) }
    set { (exchange.sentResidual, exchange.sumResidual) = newValue }
  }
}
