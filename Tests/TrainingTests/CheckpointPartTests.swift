import Foundation
import TestSupport
import Testing
import Torch
import TorchNN

@testable import Training

/// What each rank writes of a checkpoint, and how any number of ranks reads it.
struct CheckpointPartTests {
  @Test(
    arguments: [
      ([4, 4, 4, 4], 2, [0, 0, 1, 1]),
      ([1, 1, 1, 9], 2, [0, 0, 0, 1]),
      ([9, 1, 1, 1], 2, [0, 1, 1, 1]),
      ([5], 4, [1]),
      ([], 3, []),
      ([0, 0], 2, [0, 0]),
      ([2, 2, 2, 2, 2, 2], 3, [0, 0, 1, 1, 2, 2]),
    ] as [([Int], Int, [Int])])
  func neighboursAreSharedOutByBytes(byteCounts: [Int], rankCount: Int, owners: [Int]) {
    #expect(CheckpointGroup.owners(ofByteCounts: byteCounts, rankCount: rankCount) == owners)
  }

  /// A group of some megabytes.
  private func group(_ count: Int) throws -> CheckpointGroup {
    CheckpointGroup(
      name: "large",
      parameters: try (0..<count).map {
        Parameter(name: "p\($0)", tensor: try .full(Double($0), shape: [1 << 20]))
      })
  }

  @Test func aLargeGroupIsWrittenByAllRanksAndASmallOneByOne() throws {
    let large = try group(4)
    let small = CheckpointGroup(name: "small", parameters: try SavedRun.parameters(step: 1))
    #expect(large.file(of: 0, rankCount: 1, index: 0)?.name == "large.safetensors")
    for rank in 0..<2 {
      let file = large.file(of: rank, rankCount: 2, index: 0)
      #expect(file?.name == "large-0000\(rank + 1)-of-00002.safetensors")
      #expect(file?.parameters.map(\.name) == ["p\(2 * rank)", "p\(2 * rank + 1)"])
    }
    #expect(small.file(of: 0, rankCount: 2, index: 3) == nil)
    #expect(small.file(of: 1, rankCount: 2, index: 3)?.name == "small.safetensors")
    let own = CheckpointGroup(name: "own", parameters: [], holder: .oneRankEach)
    #expect(own.file(of: 1, rankCount: 2, index: 0) == nil)
  }

  @Test(arguments: [1, 2, 3])
  func whatSeveralRanksWroteIsLoadedWhole(rankCount: Int) throws {
    try withScratchFolder { folder in
      let store = makeStore(folder)
      let large = try group(5)
      let name = CheckpointName(step: 3)
      let temporary = try store.begin(name, attempt: "a")
      let files = try (0..<rankCount).flatMap { rank in
        let own = CheckpointGroup(
          name: "own",
          parameters: [Parameter(name: "of\(rank)", tensor: try .full(Double(rank), shape: [2]))],
          holder: .oneRankEach)
        return try CheckpointPart(
          of: [large, own], rank: rank, rankCount: rankCount, state: rank == 0 ? Data() : nil
        ).write(to: temporary, by: store.operations)
      }
      _ = try store.commit(temporary, as: name, files: files)
      let checkpoint = try #require(try store.newestValid())

      let loaded = try group(5).parameters
      for parameter in loaded { try parameter.tensor.scaleInPlace(by: 0) }
      try checkpoint.load("large", into: loaded)
      for (index, parameter) in loaded.enumerated() {
        #expect(try parameter.tensor.values().allSatisfy { $0 == Float(index) })
      }
      // A rank reads some of what others had.
      let last = Parameter(name: "of\(rankCount - 1)", tensor: try .zeros(shape: [2]))
      try checkpoint.load("own", into: [last], onlySome: true)
      #expect(try last.tensor.values() == [Float](repeating: Float(rankCount - 1), count: 2))
      let unknown = Parameter(name: "of9", tensor: try .zeros(shape: [2]))
      #expect(
        errorText { try checkpoint.load("own", into: [unknown], onlySome: true) }?
          .contains("tensor of9 [2] is missing") == true)
      #expect(
        errorText { try checkpoint.load("large", into: Array(loaded.dropLast())) }?
          .contains("the model has no place for p4") == true)
    }
  }

  @Test func namesAreOrderedByStepAndSave() {
    let texts = ["step-00000009", "step-00000009.1", "step-00000009.10", "step-00000010"]
    let names = texts.compactMap { CheckpointName($0) }
    #expect(names.map(\.text) == texts)
    #expect(names == names.sorted())
    for other in [
      "step-9", "step-000000009", "step-00000009.0", "step-00000009.01", "step-00000009.",
      ".step-00000009", "step-00000009.1.1", "step-00000009-copy",
    ] {
      #expect(CheckpointName(other) == nil, "\(other)")
    }
  }

  @Test func theNewestAndEverySoManyStay() {
    let names =
      [0, 5, 10, 15, 20, 25].map { CheckpointName(step: $0) }
      + [CheckpointName(step: 10, revision: 1), CheckpointName(step: 25, revision: 1)]
    func kept(_ newest: Int, _ every: Int) -> [String] {
      Retention(newestCount: newest, everySteps: every).kept(of: names).sorted().map(\.text)
    }
    #expect(kept(2, 0) == ["step-00000025", "step-00000025.1"])
    #expect(
      kept(1, 10) == ["step-00000000", "step-00000010", "step-00000020", "step-00000025.1"])
    // Of the best step the first, also where it was damaged and set aside.
    let best = Retention(newestCount: 1, bestStep: 10)
    #expect(best.kept(of: names).sorted().map(\.text) == ["step-00000010", "step-00000025.1"])
    let withoutFirst = names.filter { $0 != CheckpointName(step: 10) }
    #expect(best.best(of: withoutFirst)?.text == "step-00000010.1")
    #expect(best.best(of: []) == nil)
  }

  /// A checkpoint of two epochs of a small run, as the release before version 2 wrote it.
  @Test func aCheckpointOfVersion1IsRead() throws {
    let fixture = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "../Fixtures/checkpoint-v1/step-00000004").path(percentEncoded: false)
    let checkpoint = try Checkpoint(path: fixture)
    #expect(checkpoint.step == 4)
    let state = try checkpoint.state(as: TrainingState.self)
    #expect(state.epoch == 2 && state.step == 4 && state.inner == 0 && !state.isEvaluationDue)
    let names = Set(try Inspection(fixture).parts.map(\.file))
    #expect(names == ["optimizer.safetensors", "trained.safetensors"])
    #expect(checkpoint.holds("trained") && checkpoint.holds("optimizer"))
    #expect(!checkpoint.holds("average") && !checkpoint.holds(Rollout.groupName))
  }
}
