/// Seconds of computation on one rank, measured while the other ranks of its machine compute too.
public struct ComputeSeconds: Codable, Sendable, Equatable {
  /// Sampling a prompt's B images, with the reference's predictions, and scoring them.
  public var samplePerPrompt: Double
  /// Forward and backward passes of a prompt's trajectories, S steps each.
  public var gradientPerPrompt: Double
  /// The forward passes alone: each optimiser step of an epoch but the first takes
  /// ``Workload/extraForwards`` of them beside.
  public var forwardPerPrompt: Double
  /// Clipping and the optimiser.
  public var updatePerStep: Double

  /// Figures with every value given.
  public init(
    samplePerPrompt: Double, gradientPerPrompt: Double, forwardPerPrompt: Double,
    updatePerStep: Double
  ) {
    self.samplePerPrompt = samplePerPrompt
    self.gradientPerPrompt = gradientPerPrompt
    self.forwardPerPrompt = forwardPerPrompt
    self.updatePerStep = updatePerStep
  }

  /// Seconds of the backward pass of one micro-batch: the last one hides the exchange.
  public func backwardPerMicroBatch(_ workload: Workload) -> Double {
    max(0, gradientPerPrompt - forwardPerPrompt) / Double(workload.microBatchesPerPrompt)
  }
}
