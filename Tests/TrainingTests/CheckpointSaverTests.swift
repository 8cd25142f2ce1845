import Foundation
import MPI
import Testing
import Torch
import TorchNN

@testable import Training

/// Saves that go on beside training.
@Suite(.serialized) struct CheckpointSaverTests {
  private func saver(
    _ folder: String, operations: any FileOperations = DiskOperations(), owner: RunOwner? = nil,
    warnings: Warnings = Warnings()
  ) throws -> CheckpointSaver {
    CheckpointSaver(
      try DebugFixture.world(), folder: folder, retention: Retention(newestCount: 2), owner: owner,
      operations: operations, warn: warnings.add)
  }

  @Test func whatIsSavedIsWhatWasThereWhenItBegan() throws {
    try withScratchFolder { folder in
      let saver = try saver(folder)
      let groups = try SavedRun.groups(step: 10)
      try saver.begin(step: 10, groups: groups, state: SavedRun.state(step: 10))
      for parameter in groups.flatMap(\.parameters) { try parameter.tensor.scaleInPlace(by: 0) }
      #expect(!saver.isIdle)
      while saver.isBusy { usleep(1000) }
      #expect(try saver.advance() == nil)
      let saved = try #require(try saver.finish())
      #expect(saver.isIdle && !saver.isBusy)
      #expect(saved.name.text == "step-00000010")
      let checkpoint = try #require(try makeStore(folder).newestValid())
      #expect(saved.byteCount == checkpoint.byteCount)
      try SavedRun.expectWhole(checkpoint)
      #expect(try saver.finish() == nil)
    }
  }

  @Test func aSaveCountsWithoutAnotherTurn() throws {
    try withScratchFolder { folder in
      let saver = try saver(folder)
      try saver.begin(step: 10, groups: SavedRun.groups(step: 10), state: SavedRun.state(step: 10))
      #expect(try DiskOperations().appears("\(folder)/step-00000010/COMMIT"))
      #expect(try saver.finish()?.name.text == "step-00000010")
      try SavedRun.expectWhole(#require(try makeStore(folder).newestValid()))
    }
  }

  @Test func whatAFailedCommitWarnsOfIsSaidToo() throws {
    let all = FaultyOperations(failingAt: nil)
    try withScratchFolder { folder in
      let saver = try saver(folder, operations: all)
      try saver.begin(step: 10, groups: SavedRun.groups(step: 10), state: SavedRun.state(step: 10))
      _ = try saver.finish()
    }
    var warnings: [String] = []
    for index in 0..<all.count {
      // As where a disk is full or gone: what was written cannot be removed either.
      try withScratchFolder { folder in
        let collected = Warnings()
        let saver = try saver(
          folder, operations: FaultyOperations(failingAt: index, isFatal: true),
          warnings: collected)
        do {
          try saver.begin(
            step: 10, groups: SavedRun.groups(step: 10), state: SavedRun.state(step: 10))
          _ = try saver.finish()
        } catch is AgreedFailure {
          #expect(!collected.texts.isEmpty, "operation \(index)")
        }
        warnings += collected.texts
      }
    }
    #expect(
      warnings.contains {
        $0.hasSuffix("what is left of the failed save is removed by the next one")
      })
  }

  @Test func anotherSaveOfAStepHasANameOfItsOwn() throws {
    try withScratchFolder { folder in
      let saver = try saver(folder)
      for name in ["step-00000010", "step-00000010.1"] {
        try saver.begin(
          step: 10, groups: SavedRun.groups(step: 10), state: SavedRun.state(step: 10))
        #expect(try saver.finish()?.name.text == name)
      }
      #expect(try makeStore(folder).newestValid()?.name.revision == 1)
    }
  }

  @Test func aSaveThatFailsAnywhereIsAbandonedAndTheNextSucceeds() throws {
    func save(_ saver: CheckpointSaver, _ step: Int) throws {
      try saver.begin(
        step: step, groups: SavedRun.groups(step: step), state: SavedRun.state(step: step))
      _ = try saver.finish()
    }
    let all = FaultyOperations(failingAt: nil)
    try withScratchFolder { folder in try save(saver(folder, operations: all), 20) }
    // The last operations name the newest, which is saved already.
    for index in 0..<all.count {
      try withScratchFolder { folder in
        try SavedRun.save(10, in: makeStore(folder))
        let operations = FaultyOperations(failingAt: index, .halfway)
        let warnings = Warnings()
        let saver = try saver(folder, operations: operations, warnings: warnings)
        do {
          try save(saver, 20)
          #expect(warnings.texts.count == 1, "operation \(index)")
        } catch let failure as AgreedFailure {
          #expect(failure.exitStatus == nil)
          #expect("\(failure)".contains("No space left on device"), "\(failure)")
          #expect(try names(in: folder) == ["latest", "step-00000010"], "operation \(index)")
        }
        #expect(saver.isIdle)
        try save(saver, 30)
        let newest = try #require(try makeStore(folder).newestValid())
        #expect(newest.step == 30)
        try SavedRun.expectWhole(newest)
      }
    }
  }

  @Test func aRunThatIsAnothersIsLeftAlone() throws {
    try withScratchFolder { path in
      let folder = try RunFolder(path: path)
      let saver = try saver(folder.checkpoints, owner: RunOwner(takingOver: folder))
      func save(_ step: Int) throws {
        try saver.begin(
          step: step, groups: SavedRun.groups(step: step), state: SavedRun.state(step: step))
        _ = try saver.finish()
      }
      try save(10)
      _ = try RunOwner(takingOver: folder)
      let failure = #expect(throws: AgreedFailure.self) { try save(20) }
      #expect(failure?.exitStatus == 2)
      #expect(failure?.description.hasPrefix("another attempt owns this run: ") == true)
      #expect(try names(in: folder.checkpoints) == ["latest", "step-00000010"])
    }
  }
}

extension FileOperations {
  /// Whether a name comes to be there within some seconds.
  func appears(_ path: String) throws -> Bool {
    for _ in 0..<3000 {
      if try exists(path) { return true }
      usleep(10_000)
    }
    return false
  }
}
