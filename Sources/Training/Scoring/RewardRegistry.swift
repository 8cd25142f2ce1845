import ClusterConfiguration
import Foundation
import Rewards
import Scenes
import Torch

/// Makes the rewards that a configuration asks for.
enum RewardRegistry {
  /// The weighted sum of them.
  ///
  /// - Parameters:
  ///   - device: Where those compute that are networks.
  ///   - isTrial: Whether services are asked on, and once each time, whatever fails.
  /// - Throws: `RewardError`, and what their kinds throw.
  static func reward(
    _ terms: [RunConfiguration.Reward], on device: Device, isTrial: Bool = false
  ) throws -> WeightedReward {
    try WeightedReward(
      terms.map { .init(try reward($0, on: device, isTrial: isTrial), weight: $0.weight) })
  }

  /// Rewards that are only watched.
  ///
  /// - Throws: As above.
  static func heldOut(_ terms: [RunConfiguration.Reward], on device: Device) throws
    -> [WeightedReward.Term]
  {
    try terms.map { .init(try reward($0, on: device), weight: 0) }
  }

  private static func reward(
    _ term: RunConfiguration.Reward, on device: Device, isTrial: Bool = false
  ) throws -> any Reward {
    var limits = ServiceReward.Limits(
      batchSize: term.batchSize, parallel: term.parallel, retries: term.retries)
    if isTrial { (limits.retries, limits.pause) = (0, nil) }
    func similarity(_ kind: CLIPSimilarityReward.Kind) throws -> any Reward {
      try CLIPSimilarityReward(
        kind, name: term.name, folder: term.model, device: device,
        dtype: DType(named: term.dtype), batchSize: term.batchSize)
    }
    return switch term.kind {
    case .sceneAlignment: SceneAlignmentReward(name: term.name)
    case .sceneCorrect: SceneCorrectReward(name: term.name)
    case .clipScore: try similarity(.clipScore)
    case .pickScore: try similarity(.pickScore)
    case .hpsv2: try similarity(.hpsv2)
    case .aesthetic:
      try AestheticReward(
        name: term.name, folder: term.model, head: term.head, device: device,
        dtype: DType(named: term.dtype), batchSize: term.batchSize)
    case .jpegCompressibility: JPEGSizeReward(.compressibility, name: term.name)
    case .jpegIncompressibility: JPEGSizeReward(.incompressibility, name: term.name)
    case .torchScript:
      try TorchScriptReward(
        name: term.name, path: term.path, device: device, batchSize: term.batchSize)
    case .command:
      try ServiceReward(
        name: term.name, identity: term.identity, limits: limits,
        command: CommandSettings(
          program: term.program, timeout: term.timeout, startTimeout: term.startTimeout,
          sendsPaths: term.images == .paths))
    case .http:
      try ServiceReward(
        name: term.name, identity: term.identity, limits: limits,
        http: HTTPSettings(
          urls: term.urls.compactMap(URL.init(string:)), timeout: term.timeout,
          maxResponseBytes: term.maxResponseBytes, authorizationFrom: term.authorizationFrom))
    }
  }
}
