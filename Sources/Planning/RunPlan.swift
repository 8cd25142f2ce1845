/// What a run will take on any number of ranks: shares, memory, traffic, disk and time.
///
/// All of it is arithmetic on figures that were counted or measured elsewhere.
public struct RunPlan: Codable, Sendable, Equatable {
  /// What an epoch is made of.
  public var workload: Workload
  /// What the model takes.
  public var footprint: ModelFootprint
  /// How gradients are averaged.
  public var exchange: GradientExchange
  /// Ranks that fit on a host.
  public var slotsPerHost: Int
  /// Checkpoints that are kept.
  public var keptCheckpointCount: Int
  /// `nil` where nothing was measured or stated: no time is told then.
  public var compute: ComputeSeconds?
  /// `nil` where nothing was measured or stated: times are then without the network's.
  public var network: NetworkFigures?
  /// What a micro-batch takes beside all else; `nil` where it was not measured.
  public var activationByteCount: Int?

  /// A plan without measurements.
  public init(
    _ workload: Workload, _ footprint: ModelFootprint, _ exchange: GradientExchange,
    slotsPerHost: Int, keptCheckpointCount: Int
  ) {
    self.workload = workload
    self.footprint = footprint
    self.exchange = exchange
    self.slotsPerHost = slotsPerHost
    self.keptCheckpointCount = keptCheckpointCount
  }

  /// What one number of ranks comes to.
  public struct Row: Codable, Sendable, Equatable {
    /// R.
    public let rankCount: Int
    /// Hosts with ranks.
    public let hostCount: Int
    /// How prompts are shared; `nil` where there are more ranks than prompts, which training refuses.
    public let geometry: BatchGeometry?
    /// Sent by each rank for an optimiser step; as much is received.
    public let bytesPerRankAndStep: Double
    /// Leaving each host for an optimiser step; as much comes.
    public let bytesPerHostAndStep: Double
    /// The same of an epoch.
    public let bytesPerHostAndEpoch: Double
    /// Of a rank with the most prompts, by part.
    public let memory: [MemoryPart]
    /// Of the run.
    public let disk: DiskUse
    /// Where an epoch's time goes; `nil` without measured computation.
    public let seconds: EpochSeconds?
    /// The time of one rank over R times this one; `nil` likewise.
    public let efficiency: Double?
  }

  /// What `rankCount` ranks come to.
  public func row(rankCount: Int) -> Row {
    let shape = ClusterShape(rankCount: rankCount, slotsPerHost: slotsPerHost)
    let geometry = BatchGeometry(workload, rankCount: rankCount)
    let isPossible = rankCount <= workload.promptsPerEpoch
    let seconds = isPossible ? seconds(shape) : nil
    let alone = self.seconds(ClusterShape(rankCount: 1, slotsPerHost: slotsPerHost))?.total
    let bytesPerHost = exchange.bytesPerHost(shape)
    return Row(
      rankCount: rankCount, hostCount: shape.hostCount, geometry: isPossible ? geometry : nil,
      bytesPerRankAndStep: exchange.bytesPerRank(shape), bytesPerHostAndStep: bytesPerHost,
      bytesPerHostAndEpoch: bytesPerHost * Double(workload.innerSteps),
      memory: MemoryPart.parts(
        workload, footprint, exchange, activationByteCount: activationByteCount,
        largestShare: geometry.largestShare, rankCount: rankCount),
      disk: DiskUse(
        workload, footprint, exchange, keptCheckpointCount: keptCheckpointCount,
        largestShare: geometry.largestShare, rankCount: rankCount),
      seconds: seconds,
      efficiency: seconds.flatMap { seconds in
        alone.map { $0 / (Double(rankCount) * seconds.total) }
      })
  }

  private func seconds(_ shape: ClusterShape) -> EpochSeconds? {
    compute.map { EpochSeconds(workload, $0, exchange, network, shape) }
  }
}
