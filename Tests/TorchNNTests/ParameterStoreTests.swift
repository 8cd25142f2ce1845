import Foundation
import Safetensors
import TestSupport
import Testing
import Torch
import TorchNN

@Suite struct ParameterStoreTests {
  /// Two layers in a list and a table, as a network has them.
  @discardableResult
  static func build(_ store: ParameterStore) throws -> Linear {
    let root = store.root
    let linear = try Linear(root / "blocks" / 0 / "to_q", in: 4, out: 3)
    _ = try Conv2d(root / "blocks" / 1, in: 2, out: 2, kernel: 3)
    _ = try LayerNorm(root / "norm", width: 4)
    _ = try Embedding(root / "table", count: 5, width: 4)
    return linear
  }

  static let names = [
    "blocks.0.to_q.weight", "blocks.0.to_q.bias", "blocks.1.weight", "blocks.1.bias",
    "norm.weight", "norm.bias", "table.weight",
  ]

  // MARK: Names and starts

  @Test func aParametersNameIsItsPath() throws {
    let store = ParameterStore(.random(seed: 1))
    try Self.build(store)
    try store.finish()
    #expect(store.parameters.map(\.name) == Self.names)
    #expect(
      store.parameters.map(\.tensor.shape) == [[3, 4], [3], [2, 2, 3, 3], [2], [4], [4], [5, 4]])
    #expect(store.trainable.map(\.name) == Self.names)
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
    #expect(try weight.narrowed(axis: 0, 0..<1).reshaped([3]).values() != bias.values(as: Float.self))
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
    try Self.build(store)
    #expect(store.parameters.allSatisfy { $0.tensor.dtype == .float64 })
  }

  // MARK: Loading

  @Test func whatWasWrittenIsLoaded() throws {
    let written = ParameterStore(.random(seed: 1))
    try Self.build(written)
    try withFile(written.parameters) { file in
      let store = ParameterStore(.files([file]))
      try Self.build(store)
      try store.finish()
      try expectEqual(store.parameters, written.parameters)
    }
  }

  @Test func shardedWeightsAreFoundInAnyOfTheFiles() throws {
    let written = ParameterStore(.random(seed: 1))
    try Self.build(written)
    try withFile(Array(written.parameters[..<3])) { first in
      try withFile(Array(written.parameters[3...])) { second in
        let store = ParameterStore(.files([first, second]))
        try Self.build(store)
        try store.finish()
        try expectEqual(store.parameters, written.parameters)
      }
    }
  }

  @Test func aFilesTypeIsConvertedToTheStores() throws {
    let written = ParameterStore(.random(seed: 1), dtype: .float16)
    try Self.build(written)
    try withFile(written.parameters) { file in
      let store = ParameterStore(.files([file]))
      try Self.build(store)
      #expect(store.parameters.allSatisfy { $0.tensor.dtype == .float32 })
      for (read, half) in zip(store.parameters, written.parameters) {
        #expect(try read.tensor.values(as: Float.self) == half.tensor.values())
      }
    }
  }

  @Test func aMissingTensorIsNamed() throws {
    let written = ParameterStore(.random(seed: 1))
    try Self.build(written)
    try withFile(Array(written.parameters.dropLast())) { file in
      let error = #expect(throws: NNError.self) { try Self.build(ParameterStore(.files([file]))) }
      #expect(
        error?.description == "\(file.path): tensor table.weight is missing; is this the model its "
          + "config.json describes?")
    }
  }

  @Test func aMisshapenTensorIsNamedWithBothShapes() throws {
    let written = ParameterStore(.random(seed: 1))
    _ = try Linear(written.root / "blocks" / 0 / "to_q", in: 3, out: 4)
    try withFile(written.parameters) { file in
      let error = #expect(throws: NNError.self) { try Self.build(ParameterStore(.files([file]))) }
      #expect(
        error?.description == "\(file.path): tensor blocks.0.to_q.weight has shape [4, 3], the model "
          + "expects [3, 4]")
    }
  }

  @Test(arguments: [
    (1, "extra0"), (5, "extra0, extra1, extra2, extra3, extra4"),
    (7, "extra0, extra1, extra2, extra3, extra4 and 2 more"),
  ])
  func tensorsThatNoLayerAskedForAreNamed(count: Int, shown: String) throws {
    let written = ParameterStore(.random(seed: 1))
    try Self.build(written)
    let extra = try (0..<count).map {
      Parameter(name: "extra\($0)", tensor: try .zeros(shape: [1]))
    }
    try withFile(extra.reversed() + written.parameters) { file in
      let store = ParameterStore(.files([file]))
      try Self.build(store)
      let error = #expect(throws: NNError.self) { try store.finish() }
      #expect(
        error?.description
          == "\(file.path): the model has no place for \(shown); does config.json fit the file?")
    }
  }

  // MARK: Copies

  @Test func aCopyHasTheValuesAndNotTheTensors() throws {
    let original = ParameterStore(.random(seed: 1))
    try Self.build(original)
    try original.enableTraining()
    let copy = ParameterStore(.copy(of: original))
    try Self.build(copy)
    try expectEqual(copy.parameters, original.parameters)
    #expect(copy.parameters.allSatisfy { !$0.tensor.requiresGradient })
    try copy.parameters[0].tensor.scaleInPlace(by: 2)
    #expect(
      try copy.parameters[0].tensor.values(as: Float.self) != original.parameters[0].tensor.values())
  }

  @Test func aCopyOfASmallerNetworkIsRefused() throws {
    let original = ParameterStore(.random(seed: 1))
    let error = #expect(throws: NNError.self) {
      try Self.build(ParameterStore(.copy(of: original)))
    }
    #expect(
      error == .missingTensor(name: "blocks.0.to_q.weight", source: "the network to copy"))
  }

  // MARK: Files of parameters

  @Test func assigningTakesAFileOfExactlyTheseNamesAndShapes() throws {
    let (saved, store) = (ParameterStore(.random(seed: 1)), ParameterStore(.random(seed: 2)))
    try Self.build(saved)
    try Self.build(store)
    let parameters = store.parameters
    try withFile(saved.parameters) { file in
      try parameters.assign(from: file)
      try expectEqual(parameters, saved.parameters)

      let fewer = Array(parameters.dropFirst(2))
      #expect(
        throws: NNError.unexpectedTensors(
          names: ["blocks.0.to_q.bias", "blocks.0.to_q.weight"], source: file.path)
      ) { try fewer.assign(from: file) }
      let more = parameters + [Parameter(name: "more", tensor: try .zeros(shape: [1]))]
      #expect(throws: NNError.missingTensor(name: "more", source: file.path)) {
        try more.assign(from: file)
      }
      let other = [Parameter(name: Self.names[0], tensor: try .zeros(shape: [4, 3]))]
        + parameters.dropFirst()
      #expect(
        throws: NNError.wrongShape(
          name: Self.names[0], expected: [4, 3], found: [3, 4], source: file.path)
      ) { try other.assign(from: file) }
    }
  }

  @Test(arguments: DType.allCases)
  func everyTypeGoesThroughAFile(dtype: DType) throws {
    let ones = Parameter(name: "x", tensor: try .full(1, shape: [2, 3], dtype: dtype))
    try withFile([ones]) { file in
      let read = try Tensor.read("x", shape: [2, 3], from: file)
      #expect(read.dtype == dtype)
      #expect(DType(dtype.safetensors) == dtype)
      #expect(try read.values(as: Float.self) == [1, 1, 1, 1, 1, 1])
    }
  }

  @Test func theFileSaysThatItHoldsPyTorchsTensors() throws {
    try withFile([]) { #expect($0.metadata == ["format": "pt"]) }
  }

  // MARK: Support

  private func withFile(_ parameters: [Parameter], _ body: (SafetensorsFile) throws -> Void) throws {
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "model.safetensors")
      let byteCount = try parameters.write(to: url)
      #expect(try Data(contentsOf: url).count == byteCount)
      try body(SafetensorsFile(url))
    }
  }

  private func expectEqual(_ found: [Parameter], _ expected: [Parameter]) throws {
    #expect(found.map(\.name) == expected.map(\.name))
    for (found, expected) in zip(found, expected) {
      #expect(found.tensor.summary == expected.tensor.summary)
      #expect(try found.tensor.values(as: Double.self) == expected.tensor.values(), "\(found.name)")
    }
  }
}
