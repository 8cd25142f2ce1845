import Foundation
import Testing
import Torch
import TorchNN

@testable import Training

/// A run so small that a test can save it a thousand times. Its tensors and state follow from the
/// step alone.
struct SavedRun {
  /// What is saved beside the tensors.
  struct State: Codable, Equatable {
    var step: Int
    var seed: UInt64
    var loss: Double
  }

  static func parameters(step: Int) throws -> [Parameter] {
    let values = (0..<6).map { Float(step) + Float($0) / 7 }
    return [
      Parameter(name: "a.weight", tensor: try Tensor(values, shape: [2, 3])),
      Parameter(name: "a.bias", tensor: try Tensor([Double(step) / 3], shape: [1])),
    ]
  }

  static func state(step: Int) -> State {
    State(step: step, seed: .max - UInt64(step), loss: Double(step) / 3)
  }

  static func save(_ step: Int, in store: CheckpointStore) throws {
    try store.save(
      step: step,
      files: ["unet": parameters(step: step), "moments": parameters(step: step + 100)],
      state: state(step: step))
  }

  /// Checks that a checkpoint holds what was saved at its step.
  static func expectWhole(
    _ checkpoint: Checkpoint, sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let step = checkpoint.step
    #expect(
      try checkpoint.state(as: State.self) == state(step: step), sourceLocation: sourceLocation)
    for (file, savedStep) in [("unet", step), ("moments", step + 100)] {
      let loaded = try parameters(step: -1)
      try checkpoint.load(file, into: loaded)
      for (found, expected) in zip(loaded, try parameters(step: savedStep)) {
        let foundValues = try found.tensor.values(as: Double.self)
        let expectedValues = try expected.tensor.values(as: Double.self)
        #expect(foundValues == expectedValues, sourceLocation: sourceLocation)
      }
    }
  }
}

/// Collects what a store warns of.
final class Warnings {
  private(set) var texts: [String] = []

  func add(_ text: String) { texts.append(text) }
}

/// A store that collects its warnings.
func makeStore(
  _ folder: String, keep: Int = 2, operations: any FileOperations = DiskOperations(),
  warnings: Warnings = Warnings()
) -> CheckpointStore {
  CheckpointStore(folder: folder, keep: keep, operations: operations, warn: warnings.add)
}
