import Foundation
import Safetensors
import TestSupport
import Testing
import Torch
import TorchNN

@Suite struct ParameterLoadingTests {
  @Test func whatWasWrittenIsLoaded() throws {
    let written = ParameterStore(.random(seed: 1))
    try TestNetwork.build(written)
    try withFile(written.parameters) { file in
      let store = ParameterStore(.files([file]))
      try TestNetwork.build(store)
      try store.finish()
      try expectEqual(store.parameters, written.parameters)
    }
  }

  @Test func shardedWeightsAreFoundInAnyOfTheFiles() throws {
    let written = ParameterStore(.random(seed: 1))
    try TestNetwork.build(written)
    try withFile(Array(written.parameters[..<3])) { first in
      try withFile(Array(written.parameters[3...])) { second in
        let store = ParameterStore(.files([first, second]))
        try TestNetwork.build(store)
        try store.finish()
        try expectEqual(store.parameters, written.parameters)
      }
    }
  }

  @Test func aFilesTypeIsConvertedToTheStores() throws {
    let written = ParameterStore(.random(seed: 1), dtype: .float16)
    try TestNetwork.build(written)
    try withFile(written.parameters) { file in
      let store = ParameterStore(.files([file]))
      try TestNetwork.build(store)
      #expect(store.parameters.allSatisfy { $0.tensor.dtype == .float32 })
      for (read, half) in zip(store.parameters, written.parameters) {
        #expect(try read.tensor.values(as: Float.self) == half.tensor.values())
      }
    }
  }

  @Test func aMissingTensorIsNamed() throws {
    let written = ParameterStore(.random(seed: 1))
    try TestNetwork.build(written)
    let shape = try #require(written.parameters.last).tensor.shape
    try withFile(Array(written.parameters.dropLast())) { file in
      let error = #expect(throws: NNError.self) {
        try TestNetwork.build(ParameterStore(.files([file])))
      }
      #expect(
        error?.description
          == "\(file.path): tensor table.weight \(shape) is missing; is the file for "
          + "this model?")
    }
  }

  @Test func aMisshapenTensorIsNamedWithBothShapes() throws {
    let written = ParameterStore(.random(seed: 1))
    _ = try Linear(written.root / "blocks" / 0 / "to_q", in: 3, out: 4)
    try withFile(written.parameters) { file in
      let error = #expect(throws: NNError.self) {
        try TestNetwork.build(ParameterStore(.files([file])))
      }
      #expect(
        error?.description
          == "\(file.path): tensor blocks.0.to_q.weight has shape [4, 3], the model "
          + "expects [3, 4]")
    }
  }

  @Test(arguments: [
    (1, "extra0 [1]"), (5, "extra0 [1], extra1 [1], extra2 [1], extra3 [1], extra4 [1]"),
    (7, "extra0 [1], extra1 [1], extra2 [1], extra3 [1], extra4 [1] and 2 more"),
  ])
  func tensorsThatNoLayerAskedForAreNamed(count: Int, shown: String) throws {
    let written = ParameterStore(.random(seed: 1))
    try TestNetwork.build(written)
    let extra = try (0..<count).map {
      Parameter(name: "extra\($0)", tensor: try .zeros(shape: [1]))
    }
    try withFile(extra.reversed() + written.parameters) { file in
      let store = ParameterStore(.files([file]))
      try TestNetwork.build(store)
      let error = #expect(throws: NNError.self) { try store.finish() }
      #expect(
        error?.description
          == "\(file.path): the model has no place for \(shown); does config.json fit the file?")
    }
  }

  @Test func assigningTakesAFileOfExactlyTheseNamesAndShapes() throws {
    let (saved, store) = (ParameterStore(.random(seed: 1)), ParameterStore(.random(seed: 2)))
    try TestNetwork.build(saved)
    try TestNetwork.build(store)
    let parameters = store.parameters
    try withFile(saved.parameters) { file in
      try parameters.assign(from: file)
      try expectEqual(parameters, saved.parameters)

      let fewer = Array(parameters.dropFirst(2))
      #expect(
        throws: NNError.unexpectedTensors(
          Dictionary(
            uniqueKeysWithValues: parameters.prefix(2).map { ($0.name, $0.tensor.shape) }),
          source: file.path)
      ) { try fewer.assign(from: file) }
      let more = parameters + [Parameter(name: "more", tensor: try .zeros(shape: [1]))]
      #expect(throws: NNError.missingTensor(name: "more", expected: [1], source: file.path)) {
        try more.assign(from: file)
      }
      let other =
        [Parameter(name: TestNetwork.names[0], tensor: try .zeros(shape: [4, 3]))]
        + parameters.dropFirst()
      #expect(
        throws: NNError.wrongShape(
          name: TestNetwork.names[0], expected: [4, 3], found: [3, 4], source: file.path)
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

  private func withFile(_ parameters: [Parameter], _ body: (SafetensorsFile) throws -> Void) throws
  {
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "model.safetensors")
      let byteCount = try parameters.write(to: url)
      #expect(try Data(contentsOf: url).count == byteCount)
      try body(SafetensorsFile(url))
    }
  }
}
