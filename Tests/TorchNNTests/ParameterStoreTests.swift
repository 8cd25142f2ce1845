import Testing
import Torch
import TorchNN

@Suite struct ParameterStoreTests {
  @Test func aParametersNameIsItsPath() throws {
    let store = ParameterStore(.random(seed: 1))
    try TestNetwork.build(store)
    try store.finish()
    #expect(store.parameters.map(\.name) == TestNetwork.names)
    #expect(
      store.parameters.map(\.tensor.shape) == [[3, 4], [3], [2, 2, 3, 3], [2], [4], [4], [5, 4]])
    #expect(store.trainable.map(\.name) == TestNetwork.names)
  }

  @Test func aStartDependsOnTheSeedAndTheNameAlone() throws {
    func values(_ path: [String], seed: UInt64, after others: Int = 0) throws -> [Float] {
      let store = ParameterStore(.random(seed: seed))
      for index in 0..<others { _ = try Linear(store.root / "other" / index, in: 2, out: 2) }
      let place = path.reduce(store.root) { $0 / $1 }
      _ = try Linear(place, in: 8, out: 8, bias: false)
      return try #require(store.parameters.last).tensor.values()
    }
    let start = try values(["a", "b"], seed: 1)
    #expect(try values(["a", "b"], seed: 1, after: 3) == start)
    #expect(try values(["a.b"], seed: 1) == start)
    #expect(try values(["a", "b"], seed: 2) != start)
    #expect(try values(["a", "c"], seed: 1) != start)
  }

  @Test func theBiasDoesNotStartAsAPieceOfTheWeight() throws {
    let store = ParameterStore(.random(seed: 1))
    _ = try Linear(store.root / "a", in: 3, out: 3)
    let (weight, bias) = (store.parameters[0].tensor, store.parameters[1].tensor)
    #expect(
      try weight.narrowed(axis: 0, 0..<1).reshaped([3]).values() != bias.values(as: Float.self))
  }

  @Test func everyKindOfLayerStartsWithItsOwnDistribution() throws {
    let store = ParameterStore(.random(seed: 3))
    _ = try Linear(store.root / "linear", in: 16, out: 400)
    _ = try Conv2d(store.root / "conv", in: 4, out: 100, kernel: 2)
    _ = try Embedding(store.root / "table", count: 100, width: 64)
    _ = try GroupNorm(store.root / "norm", groups: 2, channels: 4, eps: 1e-5)
    let values = Dictionary(
      uniqueKeysWithValues: try store.parameters.map {
        ($0.name, try $0.tensor.values(as: Double.self))
      })
    func deviation(_ name: String) throws -> Double {
      let list = try #require(values[name])
      return (list.reduce(0) { $0 + $1 * $1 } / Double(list.count)).squareRoot()
    }
    // Both have a fan-in of 16: uniform in ±1/4, of deviation 1/4 / sqrt(3). 1600 values or more
    // estimate it within 2 %; the biases' 400 and 100 within 10 %.
    for name in ["linear.weight", "linear.bias", "conv.weight", "conv.bias"] {
      #expect(try #require(values[name]).allSatisfy { abs($0) <= 0.25 })
      #expect(abs(try deviation(name) * 4 * 3.0.squareRoot() - 1) < 0.15, "\(name)")
    }
    #expect(abs(try deviation("table.weight") / 0.02 - 1) < 0.03)
    #expect(values["norm.weight"] == [1, 1, 1, 1])
    #expect(values["norm.bias"] == [0, 0, 0, 0])
  }

  @Test func weightsAreHeldInTheTypeAskedFor() throws {
    let store = ParameterStore(.random(seed: 1), dtype: .float64)
    try TestNetwork.build(store)
    #expect(store.parameters.allSatisfy { $0.tensor.dtype == .float64 })
  }

  @Test func aCopyHasTheValuesAndNotTheTensors() throws {
    let original = ParameterStore(.random(seed: 1))
    try TestNetwork.build(original)
    try original.enableTraining()
    let copy = ParameterStore(copying: original)
    try TestNetwork.build(copy)
    try expectEqual(copy.parameters, original.parameters)
    #expect(copy.parameters.allSatisfy { !$0.tensor.requiresGradient })
    try copy.parameters[0].tensor.scaleInPlace(by: 2)
    #expect(
      try copy.parameters[0].tensor.values(as: Float.self) != original.parameters[0].tensor.values()
    )
  }

  @Test func aCopyOfASmallerNetworkIsRefused() throws {
    let original = ParameterStore(.random(seed: 1))
    let error = #expect(throws: NNError.self) {
      try TestNetwork.build(ParameterStore(copying: original))
    }
    #expect(
      error?.description.hasPrefix("the network to copy: tensor blocks.0.to_q.weight [") == true)
  }
}
