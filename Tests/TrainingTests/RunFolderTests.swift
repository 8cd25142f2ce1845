import Foundation
import Testing

@testable import Training

struct RunFolderTests {
  @Test func theFolderIsMadeWithThoseAboveIt() throws {
    try withScratchFolder { scratch in
      let path = "\(scratch)/runs/first run"
      for _ in 0..<2 {
        let folder = try RunFolder(path: path)
        #expect(try names(in: path) == ["checkpoints", "samples"])
        #expect(folder.metrics == "\(path)/metrics.jsonl")
        #expect(folder.summary == "\(path)/summary.json")
        #expect(folder.configuration == "\(path)/config.yaml")
        #expect(folder.checkpoints == "\(path)/checkpoints")
      }
    }
  }

  @Test func aPathBelowAFileIsRefused() throws {
    try withScratchFolder { scratch in
      let file = try write("text".utf8, to: "\(scratch)/file")
      #expect(
        errorText { _ = try RunFolder(path: file) }
          == "\(file): expected a folder, or nothing yet, found a file: "
          + "set run.output to a folder of yours")
      #expect(
        errorText { _ = try RunFolder(path: "\(file)/runs/first") }
          == "\(file)/runs/first: expected a path below folders only, found the file \(file) in it: "
          + "set run.output to a folder of yours")
    }
  }

  @Test func aPlaceThatCannotBeWrittenToIsNamed() {
    #expect(
      errorText { _ = try RunFolder(path: "/proc/run") }?
        .hasPrefix("/proc/run: expected a new folder, found '") == true)
  }

  @Test func aFolderIsOneRunsAtATime() throws {
    try withScratchFolder { scratch in
      do {
        let lock = try RunFolderLock(folder: scratch, patience: 0)
        #expect(
          errorText { _ = try RunFolderLock(folder: scratch, patience: 0.2) }
            == "\(scratch): expected a run folder that nobody writes to, found another run at work "
            + "in it: wait for its end, or choose another run.output")
        withExtendedLifetime(lock) {}
      }
      _ = try RunFolderLock(folder: scratch, patience: 0)
    }
  }

  @Test func whereALauncherKeepsOthersOutARunGoesOnWithoutTheLock() throws {
    try withScratchFolder { scratch in
      let warnings = Warnings()
      do {
        let lock = try RunFolderLock(folder: scratch, patience: 0)
        _ = try RunFolderLock(folder: scratch, patience: 0.2, goingOn: warnings.add)
        #expect(warnings.texts.count == 1)
        #expect(
          warnings.texts.first?.hasPrefix(
            "an earlier start of the run still holds \(scratch)/.lock") == true)
        // The first still has it.
        #expect(throws: TrainingError.self) {
          try RunFolderLock(folder: scratch, patience: 0)
        }
        withExtendedLifetime(lock) {}
      }
      _ = try RunFolderLock(folder: scratch, patience: 0)
    }
  }
}
