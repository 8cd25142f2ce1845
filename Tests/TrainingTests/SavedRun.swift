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

  static func groups(step: Int) throws -> [CheckpointGroup] {
    [
      CheckpointGroup(name: "unet", parameters: try parameters(step: step)),
      CheckpointGroup(name: "moments", parameters: try parameters(step: step + 100)),
    ]
  }

  static func save(_ step: Int, in store: CheckpointStore) throws {
    try store.save(step: step, groups: groups(step: step), state: state(step: step))
  }

  /// Saves as several ranks do, one after the other.
  static func save(_ step: Int, in store: CheckpointStore, rankCount: Int) throws {
    let name = CheckpointName(step: step)
    let temporary = try store.begin(name, attempt: "a")
    do {
      let files = try (0..<rankCount).flatMap { rank in
        try CheckpointPart(
          of: groups(step: step), rank: rank, rankCount: rankCount,
          state: rank == 0 ? CheckpointPart.encoded(state(step: step)) : nil
        ).write(to: temporary, by: store.operations)
      }
      _ = try store.commit(temporary, as: name, files: files)
    } catch {
      store.abandon(temporary)
      throw error
    }
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
  CheckpointStore(
    folder: folder, retention: Retention(newestCount: keep), operations: operations,
    warn: warnings.add)
}
