/// What something takes of a rank's memory.
public struct MemoryPart: Codable, Sendable, Equatable {
  /// Whose memory it is; on a CPU both are the same.
  public enum Place: String, Codable, Sendable {
    /// Of the GPU.
    case device
    /// Of the machine.
    case host
  }

  /// Where the figure comes from.
  public enum Basis: String, Codable, Sendable {
    /// Shapes and types say it.
    case counted
    /// It was measured with this model on this machine.
    case measured
  }

  /// What it is.
  public let name: String
  /// Bytes on each rank.
  public let byteCount: Int
  /// Where it lies.
  public let place: Place
  /// How it is known.
  public let basis: Basis

  /// The parts of a rank's memory, the largest moment of each.
  ///
  /// - Parameters:
  ///   - activationByteCount: What a micro-batch takes beside all else, measured; `nil` leaves it
  ///     out.
  ///   - largestShare: Prompts of the rank.
  public static func parts(
    _ workload: Workload, _ footprint: ModelFootprint, _ exchange: GradientExchange,
    activationByteCount: Int?, largestShare: Int, rankCount: Int
  ) -> [MemoryPart] {
    let elements = footprint.trainedElementCount
    func counted(_ name: String, _ byteCount: Int, _ place: Place) -> MemoryPart {
      MemoryPart(name: name, byteCount: byteCount, place: place, basis: .counted)
    }
    var parts = [counted("weights", footprint.weightByteCount, .device)]
    if footprint.trainsAdapters {
      parts.append(counted("adapters", footprint.trainedByteCount, .device))
    }
    // At its largest a prompt's gradient, 4 bytes an element, joined, is added to the sum over
    // prompts in float64.
    parts.append(counted("gradients", elements * (4 + 4 + 8 + 8), .device))
    let moments = 2 * footprint.trainedByteCount
    parts.append(
      counted(
        "optimiser", exchange.isSharded ? moments.dividedRoundingUp(by: rankCount) : moments,
        .device))
    if footprint.keepsAverage {
      parts.append(counted("average", footprint.trainedByteCount, .device))
    }
    if let activationByteCount {
      parts.append(
        MemoryPart(
          name: "activations", byteCount: activationByteCount, place: .device, basis: .measured))
    }
    parts.append(
      counted("trajectories", largestShare * workload.trajectoryByteCount, .host))
    parts.append(counted("encodings", largestShare * workload.contextByteCount, .device))
    // In float64 until all are there, and a bucket on its way in both directions.
    let bucket = exchange.bucketElementCount * exchange.elementByteCount
    parts.append(counted("exchange", elements * 8 + 2 * bucket, .host))
    if exchange.residualByteCount > 0 {
      parts.append(counted("residuals", exchange.residualByteCount, .host))
    }
    return parts
  }
}

/// What a run takes of its disk.
public struct DiskUse: Codable, Sendable, Equatable {
  /// A checkpoint.
  public let checkpointByteCount: Int
  /// All that are kept, and one being written.
  public let retainedByteCount: Int
  /// What a checkpoint within an epoch keeps of a rank's trajectories, at most.
  public let inFlightBytesPerRank: Int

  /// Of checkpoints between epochs and within one.
  public init(
    _ workload: Workload, _ footprint: ModelFootprint, _ exchange: GradientExchange,
    keptCheckpointCount: Int, largestShare: Int, rankCount: Int
  ) {
    checkpointByteCount =
      footprint.checkpointByteCount + rankCount * exchange.residualByteCount
    retainedByteCount = (keptCheckpointCount + 1) * checkpointByteCount
    inFlightBytesPerRank = largestShare * workload.trajectoryByteCount
  }
}
