import Foundation
import Testing

@testable import Training

/// Saves that fail or are killed at any of their operations on files.
struct CheckpointFaultTests {
  /// The operations of a save: the longest way through, with leftovers and one to prune.
  private func operationCount(rankCount: Int = 1) throws -> Int {
    try withScratchFolder { folder in
      let operations = FaultyOperations(failingAt: nil)
      try prepare(folder)
      try SavedRun.save(
        30, in: makeStore(folder, operations: operations), rankCount: rankCount)
      return operations.count
    }
  }

  /// Two checkpoints, and what a killed save left.
  private func prepare(_ folder: String) throws {
    for step in [10, 20] { try SavedRun.save(step, in: makeStore(folder)) }
    try DiskOperations().createFolder("\(folder)/.tmp-step-00000030.abc")
    try DiskOperations().createFolder("\(folder)/step-00000030")
  }

  @Test(arguments: FaultyOperations.Moment.allCases, [1, 2])
  func aKilledSaveLosesNothing(_ moment: FaultyOperations.Moment, rankCount: Int) throws {
    for index in 0..<(try operationCount(rankCount: rankCount)) {
      try withScratchFolder { folder in
        try prepare(folder)
        let operations = FaultyOperations(failingAt: index, moment, isFatal: true)
        // It may be saved already when the fault comes, and the process dies in pruning.
        _ = errorText {
          try SavedRun.save(
            30, in: makeStore(folder, operations: operations), rankCount: rankCount)
        }
        #expect(operations.hasFailed)

        let survivor = try #require(try makeStore(folder).newestValid(), "operation \(index)")
        #expect([20, 30].contains(survivor.step))
        try SavedRun.expectWhole(survivor)
        try expectCommittedOnesWhole(in: folder)
        try expectNextSave(40, in: folder)
      }
    }
  }

  @Test(arguments: FaultyOperations.Moment.allCases)
  func aFailedSaveIsAbandoned(_ moment: FaultyOperations.Moment) throws {
    for index in 0..<(try operationCount()) {
      try withScratchFolder { folder in
        try prepare(folder)
        let operations = FaultyOperations(failingAt: index, moment)
        let warnings = Warnings()
        let store = makeStore(folder, operations: operations, warnings: warnings)
        let error = errorText { try SavedRun.save(30, in: store) }
        #expect(error != nil || warnings.texts.count == 1, "operation \(index)")
        if let error {
          #expect(error.hasPrefix("the checkpoint of step 30: expected to be saved, found "))
          #expect(error.contains("No space left on device"))
        }
        let survivor = try #require(try makeStore(folder).newestValid())
        #expect(survivor.step == (error == nil ? 30 : 20), "operation \(index)")
        try SavedRun.expectWhole(survivor)
        // What an earlier save left may have to wait for the next one.
        let left = try names(in: folder).filter {
          ![".tmp-step-00000030.abc", "step-00000030"].contains($0)
        }
        #expect(
          error == nil || left == ["latest", "step-00000010", "step-00000020"],
          "operation \(index) left \(left)")
        try expectNextSave(40, in: folder)
      }
    }
  }

  @Test(arguments: FaultyOperations.Moment.allCases)
  func aFirstSaveThatIsKilledBlocksNothing(_ moment: FaultyOperations.Moment) throws {
    for index in 0..<(try operationCount()) {
      try withScratchFolder { folder in
        let operations = FaultyOperations(failingAt: index, moment, isFatal: true)
        let error = errorText {
          try SavedRun.save(10, in: makeStore(folder, operations: operations))
        }
        let survivor = try makeStore(folder).newestValid()
        #expect(error != nil || survivor?.step == 10, "operation \(index)")
        if let survivor { try SavedRun.expectWhole(survivor) }
        try expectNextSave(20, in: folder)
      }
    }
  }

  /// Checks that no folder has a COMMIT for files that are not all there.
  private func expectCommittedOnesWhole(in folder: String) throws {
    for name in try names(in: folder) where name.hasPrefix("step-") {
      let path = "\(folder)/\(name)"
      guard try names(in: path).contains(Checkpoint.commitName) else { continue }
      try SavedRun.expectWhole(Checkpoint(path: path))
    }
  }

  /// Checks that the next save succeeds and leaves nothing but whole checkpoints.
  private func expectNextSave(_ step: Int, in folder: String) throws {
    let warnings = Warnings()
    let store = makeStore(folder, warnings: warnings)
    try SavedRun.save(step, in: store)
    #expect(warnings.texts.isEmpty)
    let newest = try #require(try store.newestValid())
    #expect(newest.step == step)
    try SavedRun.expectWhole(newest)
    let left = try names(in: folder).filter { $0 != "latest" }
    #expect(left.count <= 2 && left.allSatisfy { $0.hasPrefix("step-") })
    for name in left { try SavedRun.expectWhole(Checkpoint(path: "\(folder)/\(name)")) }
  }
}
