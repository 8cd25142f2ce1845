import Torch

/// Which layers get low-rank adapters, and of what size.
///
/// - Source: Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models"; names as in peft.
public struct LoRAConfiguration: Sendable, Equatable {
  /// The rank r of the update B A.
  public let rank: Int
  /// The update is scaled by alpha / r.
  public let alpha: Double
  /// Ends of layers' paths, such as "to_q" or "to_out.0".
  public let targets: [String]

  /// A configuration with every value given.
  public init(rank: Int, alpha: Double, targets: [String]) {
    self.rank = rank
    self.alpha = alpha
    self.targets = targets
  }

  /// The end in ``targets`` of the layer at `path`; `nil` where it gets no adapter.
  public func target(of path: String) -> String? {
    targets.first { path == $0 || path.hasSuffix(".\($0)") }
  }
}

/// All adapters of a network, switched on and off together.
public final class LoRAAdapters {
  /// The ranks and layers.
  public let configuration: LoRAConfiguration
  /// A and B of every adapted layer, named `<path>.lora_A.weight` and `<path>.lora_B.weight`.
  public private(set) var parameters: [Parameter] = []
  fileprivate var isEnabled = true

  private let values: (_ name: String, _ shape: [Int], Initialization) throws -> Tensor
  private var matchedTargets: Set<String> = []

  /// New adapters, a function of `seed` and their names.
  init(configuration: LoRAConfiguration, seed: UInt64, device: Device) {
    self.configuration = configuration
    values = { name, shape, initialization in
      try initialization.values(shape: shape, seed: keyedSeed(seed, name)).to(device)
    }
  }

  /// Copies of another network's adapters, in `dtype`.
  init(copying other: LoRAAdapters, dtype: DType) {
    configuration = other.configuration
    values = { name, shape, _ in
      guard let parameter = other.parameters.first(where: { $0.name == name }) else {
        throw NNError.missingTensor(name: name, expected: shape, source: "the adapters to copy")
      }
      return try parameter.tensor.detached().clone().to(dtype: dtype)
    }
  }

  /// Runs `body` with the adapters off: the network is then the one that was loaded.
  public func disabled<Result>(_ body: () throws -> Result) rethrows -> Result {
    isEnabled = false
    defer { isEnabled = true }
    return try body()
  }

  /// What the adapter of the layer at `path` adds to its weight, [out, in k k]; `nil` where it has
  /// none.
  func update(of path: String) throws -> Tensor? {
    func matrix(_ part: String) throws -> Tensor? {
      let tensor = parameters.first { $0.name == "\(path).\(part).weight" }?.tensor
      return try tensor.map { try $0.detached().reshaped([$0.shape[0], -1]) }
    }
    guard let a = try matrix("lora_A"), let b = try matrix("lora_B") else { return nil }
    return try b.matmul(a) * (configuration.alpha / Double(configuration.rank))
  }

  func adapter(for path: String, inShape: [Int], outShape: [Int]) throws -> LoRAAdapter? {
    guard let target = configuration.target(of: path) else { return nil }
    matchedTargets.insert(target)
    let rank = configuration.rank
    let gaussian = Initialization.normal(standardDeviation: 1 / Double(rank))
    return LoRAAdapter(
      a: try parameter("\(path).lora_A.weight", [rank] + inShape, gaussian),
      b: try parameter("\(path).lora_B.weight", outShape.replacingAxis1(by: rank), .zeros),
      scale: configuration.alpha / Double(rank), owner: self)
  }

  func finish() throws {
    let unmatched = configuration.targets.filter { !matchedTargets.contains($0) }
    if !unmatched.isEmpty { throw NNError.unmatchedTargets(unmatched) }
  }

  private func parameter(_ name: String, _ shape: [Int], _ initialization: Initialization) throws
    -> Tensor
  {
    let tensor = try values(name, shape, initialization)
    parameters.append(Parameter(name: name, tensor: tensor))
    return tensor
  }
}

/// The low-rank update of one layer.
struct LoRAAdapter {
  /// [r, in] for a linear layer, [r, in, k, k] for a convolution.
  let a: Tensor
  /// [out, r], or [out, r, 1, 1].
  let b: Tensor
  let scale: Double
  let owner: LoRAAdapters

  /// A layer's output with the update, while the adapters are on: that of `layer` for `weight`, plus
  /// what `lowRank` computes; or, where that costs less, that of `layer` for both in one.
  ///
  /// - Parameter placeCount: Vectors that the layer maps: rows, or pixels of its output.
  func adapting(
    _ layer: (_ weight: Tensor) throws -> Tensor, _ weight: Tensor, placeCount: Int,
    lowRank: (_ a: Tensor, _ b: Tensor) throws -> Tensor
  ) throws -> Tensor {
    guard owner.isEnabled else { return try layer(weight) }
    if isWorthMerging(into: weight, placeCount: placeCount) {
      return try layer(weight.adding(b, times: a, scale: scale))
    }
    let output = try layer(weight)
    let dtype = output.dtype
    return try output + lowRank(a.to(dtype: dtype), b.to(dtype: dtype)) * scale
  }

  /// Counts multiplications: with the update in the weight they are those of making it and, for the
  /// gradient, of a gradient of the whole weight.
  private func isWorthMerging(into weight: Tensor, placeCount: Int) -> Bool {
    // In half precision an update much smaller than the weight would be rounded away.
    guard weight.dtype == a.dtype else { return false }
    let rank = a.shape[0]
    let (inCount, outCount) = (a.count / rank, b.count / rank)
    let apart = placeCount * max(rank, Self.leastEfficientRank) * (inCount + outCount)
    let merging = weight.count * (rank + Self.passesOverWeight)
    return recordsGradients ? weight.count * placeCount + 3 * merging < 3 * apart : merging < apart
  }

  /// Products with fewer columns count as with these: so long they take with oneDNN and MKL (LOG.md),
  /// and one operation less is less to do where they do not.
  private static let leastEfficientRank = 24
  /// Reading and writing the weight and its update, in multiplications for each of its elements.
  private static let passesOverWeight = 8
}

extension [Int] {
  fileprivate func replacingAxis1(by length: Int) -> [Int] {
    var shape = self
    shape[1] = length
    return shape
  }
}
