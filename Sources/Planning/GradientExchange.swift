/// How the ranks average a gradient: in buckets, each an all-to-all of slices, a sum in rank order on
/// every slice's rank, and an all-gather of the sums.
///
/// With a sharded optimizer nobody but a slice's rank needs its sum: there is no second half, but an
/// all-gather of the weights after the update.
public struct GradientExchange: Codable, Sendable, Equatable {
  /// P: trained elements.
  public var elementCount: Int
  /// Bytes of an element on the network: 8 in float64.
  public var elementByteCount: Int
  /// Elements of a bucket; the last may have fewer.
  public var bucketElementCount: Int
  /// Whether the optimizer is sharded.
  public var isSharded: Bool

  /// An exchange with every value given.
  public init(
    elementCount: Int, elementByteCount: Int, bucketElementCount: Int, isSharded: Bool = false
  ) {
    precondition(elementCount > 0 && elementByteCount > 0 && bucketElementCount > 0)
    self.elementCount = elementCount
    self.elementByteCount = elementByteCount
    self.bucketElementCount = bucketElementCount
    self.isSharded = isSharded
  }

  /// Bytes of the gradient as it goes over the network.
  public var byteCount: Int { elementCount * elementByteCount }

  /// Bytes of what rounding to 16 bits leaves out on a rank, of what it sends and of sums, in float32:
  /// both are made up for in the next step.
  public var residualByteCount: Int { elementByteCount == 2 ? 2 * 4 * elementCount : 0 }

  /// Elements of each bucket, in the order they are exchanged.
  public var buckets: [Int] {
    stride(from: 0, to: elementCount, by: bucketElementCount).map {
      min(bucketElementCount, elementCount - $0)
    }
  }

  /// Of both collectives of an optimiser step: what a rank would send if it sent all of it.
  private var bytesOfStep: Double {
    let second = isSharded ? MemoryLayout<Float>.size : elementByteCount
    return Double(elementCount * (elementByteCount + second))
  }

  /// Bytes that a rank sends for one optimiser step, and receives: (R - 1) / R of the gradient in the
  /// all-to-all, and again in the all-gather.
  public func bytesPerRank(_ shape: ClusterShape) -> Double {
    bytesOfStep * (shape.localShare + shape.networkShare)
  }

  /// Bytes that leave a host for one optimiser step, and reach it: h 2 (R - h) / R of the gradient.
  public func bytesPerHost(_ shape: ClusterShape) -> Double {
    bytesOfStep * Double(shape.ranksPerHost) * shape.networkShare
  }

  /// Seconds of a step's exchange, hidden or not.
  public func seconds(_ shape: ClusterShape, _ network: NetworkFigures) -> Double {
    buckets.reduce(secondsAfterUpdate(shape, network)) {
      $0 + seconds(ofBucket: $1, shape, network)
    }
  }

  /// Seconds of a step's exchange that the backward pass does not hide.
  ///
  /// The buckets are ready one after another during the last backward pass, evenly, and exchanged in
  /// this order, one at a time.
  ///
  /// - Parameter window: Seconds of that pass.
  public func exposedSeconds(_ shape: ClusterShape, _ network: NetworkFigures, window: Double)
    -> Double
  {
    var end = 0.0
    var readyElementCount = 0
    for bucket in buckets {
      readyElementCount += bucket
      let ready = window * (Double(readyElementCount) / Double(elementCount))
      end = max(end, ready) + seconds(ofBucket: bucket, shape, network)
    }
    return end - window + secondsAfterUpdate(shape, network)
  }

  /// Seconds until a bucket of `elementCount` elements is added up and, where it is to be, shared.
  private func seconds(
    ofBucket elementCount: Int, _ shape: ClusterShape, _ network: NetworkFigures
  ) -> Double {
    guard shape.rankCount > 1 else { return 0 }
    let collective = seconds(
      ofCollectiveOf: Double(elementCount * elementByteCount), shape, network)
    let work = network.elementRate.map { Double(elementCount) / $0 } ?? 0
    return Double(isSharded ? 1 : 2) * collective + work
  }

  /// Of the weights that a sharded optimizer changed.
  private func secondsAfterUpdate(_ shape: ClusterShape, _ network: NetworkFigures) -> Double {
    guard isSharded, shape.rankCount > 1 else { return 0 }
    return buckets.reduce(0) {
      $0 + seconds(ofCollectiveOf: Double($1 * 4), shape, network)
    }
  }

  /// Seconds in which each rank sends every other one a slice of `bytes`, divided among all.
  ///
  /// What leaves the host shares its card with that of the other ranks there; what stays goes by the
  /// same thread, and so counts as well. All slices are under way at once, each asked for, granted
  /// and sent.
  private func seconds(
    ofCollectiveOf bytes: Double, _ shape: ClusterShape, _ network: NetworkFigures
  ) -> Double {
    let remote = bytes * Double(shape.ranksPerHost) * shape.networkShare / network.bandwidth
    let local = network.localBandwidth.map { bytes * shape.localShare / $0 } ?? 0
    return remote + local + (shape.hostCount > 1 ? 3 * network.latency : 0)
  }
}
