import TestSupport
import Testing
import Torch
import TorchNN

@Suite struct LoRATests {
  /// A linear layer and a convolution, with adapters where `targets` name them.
  struct Network {
    let store: ParameterStore
    let linear: Linear
    let conv: Conv2d

    init(
      _ source: ParameterStore.Source = .random(seed: 1), targets: [String]? = ["to_q", "conv_in"],
      seed: UInt64 = 7, alpha: Double = 6
    ) throws {
      try self.init(
        ParameterStore(
          source, lora: targets.map { LoRAConfiguration(rank: 2, alpha: alpha, targets: $0) },
          loraSeed: seed))
    }

    init(_ store: ParameterStore) throws {
      self.store = store
      linear = try Linear(store.root / "blocks" / 0 / "to_q", in: 3, out: 4)
      conv = try Conv2d(store.root / "conv_in", in: 3, out: 4, kernel: 3, stride: 2)
      try store.finish()
    }

    func outputs() throws -> [Tensor] {
      [
        try linear(.randn(seed: 3, shape: [2, 3])), try conv(.randn(seed: 4, shape: [1, 3, 6, 5])),
      ]
    }

    /// Moves every adapter off its start.
    func train() throws {
      for (index, parameter) in (store.adapters?.parameters ?? []).enumerated() {
        try parameter.tensor.assign(
          .randn(seed: UInt64(100 + index), shape: parameter.tensor.shape))
      }
    }
  }

  @Test func adaptersHavePeftsNamesAndShapes() throws {
    let parameters = try #require(Network().store.adapters).parameters
    #expect(
      parameters.map(\.name) == [
        "blocks.0.to_q.lora_A.weight", "blocks.0.to_q.lora_B.weight", "conv_in.lora_A.weight",
        "conv_in.lora_B.weight",
      ])
    #expect(
      parameters.map(\.tensor.shape) == [[2, 3], [4, 2], [2, 3, 3, 3], [4, 2, 1, 1]])
  }

  @Test func newAdaptersLeaveTheOutputAsItWas() throws {
    let (adapted, plain) = (try Network(), try Network(targets: nil))
    for (found, expected) in zip(try adapted.outputs(), try plain.outputs()) {
      #expect(try found.values(as: Float.self) == expected.values())
    }
  }

  @Test func aStartsGaussianFromItsOwnSeedAndBAtZero() throws {
    func values(_ seed: UInt64) throws -> [[Float]] {
      try #require(Network(seed: seed).store.adapters).parameters.map { try $0.tensor.values() }
    }
    let start = try values(7)
    #expect(try values(7) == start)
    #expect(try values(8)[0] != start[0])
    #expect(start[1].allSatisfy { $0 == 0 } && start[3].allSatisfy { $0 == 0 })
    #expect(start[2].contains { $0 != 0 })
  }

  @Test func aTrainedLinearAdapterAddsAlphaOverRankTimesBA() throws {
    let network = try Network()
    try network.train()
    let adapters = try #require(network.store.adapters).parameters
    let x = try Tensor.randn(seed: 3, shape: [2, 3])
    let update = try adapters[1].tensor.matmul(adapters[0].tensor) * 3
    let weight = try network.store.parameters[0].tensor + update
    let expected = try x.linear(weight: weight, bias: network.store.parameters[1].tensor)
    #expect(try relativeDifference(network.linear(x), from: expected) < 1e-6)
  }

  @Test func aTrainedConvolutionsAdapterAddsAlphaOverRankTimesBA() throws {
    let network = try Network()
    try network.train()
    let adapters = try #require(network.store.adapters).parameters
    let x = try Tensor.randn(seed: 4, shape: [1, 3, 6, 5])
    let update =
      try adapters[3].tensor.reshaped([4, 2])
      .matmul(adapters[2].tensor.reshaped([2, 27])).reshaped([4, 3, 3, 3]) * 3
    let expected = try x.conv2d(
      weight: network.store.parameters[2].tensor + update,
      bias: network.store.parameters[3].tensor, stride: 2, padding: 1)
    #expect(try relativeDifference(network.conv(x), from: expected) < 1e-6)
  }

  /// Wide layers compute the update apart where gradients are wanted, and merge it where not.
  @Test func aWideLayersAdapterIsTheSameApartAndMerged() throws {
    let configuration = LoRAConfiguration(rank: 2, alpha: 6, targets: ["linear", "conv"])
    let store = ParameterStore(.random(seed: 1), lora: configuration, loraSeed: 7)
    let linear = try Linear(store.root / "linear", in: 200, out: 240)
    let conv = try Conv2d(store.root / "conv", in: 40, out: 200, kernel: 3)
    try store.finish()
    try store.enableTraining()
    let adapters = try #require(store.adapters).parameters
    for (index, parameter) in adapters.enumerated() {
      try withoutGradient {
        try parameter.tensor.assign(.randn(seed: UInt64(index), shape: parameter.tensor.shape))
      }
    }
    func weight(_ index: Int) throws -> Tensor {
      let (a, b) = (adapters[index].tensor, adapters[index + 1].tensor)
      let update = try b.reshaped([-1, 2]).matmul(a.reshaped([2, -1])) * 3
      let weight = store.parameters[index].tensor
      return try weight + update.reshaped(weight.shape)
    }
    let rows = try Tensor.randn(seed: 3, shape: [80, 200])
    let image = try Tensor.randn(seed: 4, shape: [2, 40, 8, 8])
    let layers: [(layer: () throws -> Tensor, merged: () throws -> Tensor)] = [
      (
        { try linear(rows) },
        { try rows.linear(weight: weight(0), bias: store.parameters[1].tensor) }
      ),
      (
        { try conv(image) },
        { try image.conv2d(weight: weight(2), bias: store.parameters[3].tensor, padding: 1) }
      ),
    ]
    func gradients(_ output: () throws -> Tensor) throws -> [Tensor] {
      let output = try output()
      try output.squared().sum().backward()
      defer { for parameter in adapters { parameter.tensor.clearGradient() } }
      return [try output.detached()] + (try adapters.compactMap { try $0.tensor.gradient() })
    }
    for (layer, merged) in layers {
      let (apart, expected) = (try gradients(layer), try gradients(merged))
      #expect(apart.count == 3 && expected.count == 3)
      for (found, expected) in zip(apart, expected) {
        #expect(try relativeDifference(found, from: expected) < 1e-5)
      }
      // Without a gradient they are merged, and the sum of weight and update rounds once less.
      let alone = try withoutGradient(layer)
      #expect(try relativeDifference(alone, from: expected[0]) < 1e-6)
      #expect(try alone.values(as: Float.self) != apart[0].values())
    }
  }

  @Test func disabledAdaptersShowTheNetworkThatWasLoaded() throws {
    let (network, plain) = (try Network(), try Network(targets: nil))
    try network.train()
    let adapters = try #require(network.store.adapters)
    for (found, expected) in zip(try adapters.disabled(network.outputs), try plain.outputs()) {
      #expect(try found.values(as: Float.self) == expected.values())
    }
    // They are on again, after a throw too.
    let trained = try network.outputs()[0].values(as: Float.self)
    #expect(try trained != plain.outputs()[0].values())
    #expect(throws: TensorError.self) {
      try adapters.disabled { try Tensor.zeros(shape: [1]).reshaped([2]) }
    }
    #expect(try network.outputs()[0].values() == trained)
  }

  @Test func gradientsReachTheAdaptersAndNothingElse() throws {
    let network = try Network()
    try network.train()
    try network.store.enableTraining()
    for output in try network.outputs() { try output.squared().sum().backward() }
    let adapters = try #require(network.store.adapters)
    #expect(network.store.trainable.map(\.name) == adapters.parameters.map(\.name))
    for parameter in adapters.parameters {
      #expect(try #require(try parameter.tensor.gradient()).norm().item() > 0, "\(parameter.name)")
    }
    for parameter in network.store.parameters {
      #expect(!parameter.tensor.requiresGradient)
      #expect(try parameter.tensor.gradient() == nil, "\(parameter.name)")
    }
  }

  @Test func withoutAdaptersGradientsReachEveryParameter() throws {
    let network = try Network(targets: nil)
    try network.store.enableTraining()
    for output in try network.outputs() { try output.squared().sum().backward() }
    for parameter in network.store.parameters {
      #expect(try #require(try parameter.tensor.gradient()).norm().item() > 0, "\(parameter.name)")
    }
  }

  @Test func aCopyHasTheBaseWeightsAndAdaptersOfItsOwn() throws {
    let network = try Network()
    try network.train()
    let copy = try Network(ParameterStore(copying: network.store))
    let adapters = try #require(network.store.adapters)
    let adaptersOfCopy = try #require(copy.store.adapters)
    try expectEqual(copy.store.parameters, network.store.parameters)
    try expectEqual(adaptersOfCopy.parameters, adapters.parameters)
    func expectEqualOutputs(_ found: [Tensor], _ expected: [Tensor]) throws {
      for (found, expected) in zip(found, expected) {
        #expect(try found.values(as: Float.self) == expected.values())
      }
    }
    try expectEqualOutputs(copy.outputs(), network.outputs())
    let untrained = try adapters.disabled(network.outputs)
    try expectEqualOutputs(adaptersOfCopy.disabled(copy.outputs), untrained)
    for parameter in adapters.parameters { try parameter.tensor.scaleInPlace(by: 0) }
    try expectEqualOutputs(network.outputs(), untrained)
    #expect(try copy.outputs()[0].values(as: Float.self) != untrained[0].values())
  }

  @Test(arguments: [["to_q"], ["0.to_q"], ["blocks.0.to_q"]])
  func aTargetIsTheEndOfAPath(targets: [String]) throws {
    #expect(try Network(targets: targets).store.trainable.count == 2)
  }

  @Test(arguments: [
    (["q"], "q"), (["to_q", "to_k"], "to_k"), (["o_q", "blocks.0", "to_q"], "o_q, blocks.0"),
  ])
  func aTargetThatNamesNoLayerIsRefused(targets: [String], unmatched: String) {
    let error = #expect(throws: NNError.self) { try Network(targets: targets) }
    #expect(
      error?.description
        == "no layer is named by LoRA target \(unmatched); a target is the end of a "
        + "layer's path, such as to_q or to_out.0")
  }
}
