/// How many ranks there are, and how they lie on hosts.
public struct ClusterShape: Codable, Sendable, Equatable {
  /// R: the number of ranks.
  public let rankCount: Int
  /// h: ranks on a host; the last host may have fewer.
  public let ranksPerHost: Int

  /// `rankCount` ranks, on each host as many as fit.
  public init(rankCount: Int, slotsPerHost: Int) {
    precondition(rankCount > 0 && slotsPerHost > 0, "a cluster has ranks, and a host a slot")
    self.rankCount = rankCount
    ranksPerHost = min(rankCount, slotsPerHost)
  }

  /// Hosts with at least one rank.
  public var hostCount: Int { rankCount.dividedRoundingUp(by: ranksPerHost) }

  /// The part of what a rank sends to all others in equal shares that stays on its host.
  ///
  /// Of a full host, which is the slowest: it has the most ranks behind one network card.
  var localShare: Double { Double(ranksPerHost - 1) / Double(rankCount) }

  /// The part that crosses the network.
  var networkShare: Double { Double(rankCount - ranksPerHost) / Double(rankCount) }
}

/// How an epoch's prompts are shared.
public struct BatchGeometry: Codable, Sendable, Equatable {
  /// Prompts of the ranks that have the most.
  public let largestShare: Int
  /// Of the others; equal where N is a multiple of the ranks.
  public let smallestShare: Int
  /// The part, 0 to 1, of all ranks' time that is spent waiting for those with the most prompts.
  public let idleFraction: Double
  /// Passes through the network for a gradient, on a rank with the most prompts.
  public let microBatchesPerStep: Int

  /// The shares of `workload`'s prompts on `rankCount` ranks.
  public init(_ workload: Workload, rankCount: Int) {
    let promptCount = workload.promptsPerEpoch
    largestShare = promptCount.dividedRoundingUp(by: rankCount)
    smallestShare = promptCount / rankCount
    idleFraction = 1 - Double(promptCount) / Double(rankCount * largestShare)
    microBatchesPerStep = largestShare * workload.microBatchesPerPrompt
  }
}
