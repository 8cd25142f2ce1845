/// Where the seconds of an epoch go, on the ranks that have the most prompts.
public struct EpochSeconds: Codable, Sendable, Equatable {
  /// Drawing and scoring images.
  public let sample: Double
  /// Forward and backward passes of all optimiser steps.
  public let gradient: Double
  /// The exchange of gradients as far as nothing hides it, and the ranks' agreements.
  public let communicate: Double
  /// Clipping and the optimiser.
  public let update: Double

  /// All of them.
  public var total: Double { sample + gradient + communicate + update }

  /// Collectives of a few bytes by which ranks agree: three an epoch, and four a step.
  static func agreementCount(_ workload: Workload) -> Int { 3 + 4 * workload.innerSteps }

  /// The sum over an epoch's parts.
  ///
  /// - Parameters:
  ///   - exchange: Of one optimiser step.
  ///   - network: `nil` where it is not known: nothing is communicated then.
  public init(
    _ workload: Workload, _ compute: ComputeSeconds, _ exchange: GradientExchange,
    _ network: NetworkFigures?, _ shape: ClusterShape
  ) {
    let share = Double(BatchGeometry(workload, rankCount: shape.rankCount).largestShare)
    let steps = Double(workload.innerSteps)
    sample = share * compute.samplePerPrompt
    gradient =
      share
      * (steps * compute.gradientPerPrompt
        + (steps - 1) * workload.extraForwards * compute.forwardPerPrompt)
    update = steps * compute.updatePerStep
    guard let network, shape.rankCount > 1 else {
      communicate = 0
      return
    }
    // A collective of a few bytes goes through a tree.
    let rounds = shape.hostCount > 1 ? (Double(shape.rankCount - 1).exponent + 1) : 0
    let agreements = Double(Self.agreementCount(workload)) * Double(rounds) * network.latency
    let window = compute.backwardPerMicroBatch(workload)
    communicate =
      agreements + steps * exchange.exposedSeconds(shape, network, window: window)
  }
}
