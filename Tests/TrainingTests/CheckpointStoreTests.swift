import Foundation
import Testing
import Torch
import TorchNN

@testable import Training

struct CheckpointStoreTests {
  @Test func whatWasSavedIsLoaded() throws {
    try withScratchFolder { folder in
      let store = makeStore(folder)
      #expect(try store.newestValid() == nil)
      try SavedRun.save(7, in: store)
      let checkpoint = try #require(try store.newestValid())
      #expect(checkpoint.step == 7)
      #expect(checkpoint.path == "\(folder)/step-00000007")
      try SavedRun.expectWhole(checkpoint)
      try SavedRun.expectWhole(Checkpoint(path: checkpoint.path))
      #expect(try names(in: folder) == ["latest", "step-00000007"])
      #expect(try text(of: "\(folder)/latest") == "step-00000007\n")
      #expect(
        try names(in: checkpoint.path) == [
          "COMMIT", "manifest.json", "moments.safetensors", "state.json", "unet.safetensors",
        ])
    }
  }

  @Test func theSameStateGivesTheSameBytes() throws {
    try withScratchFolder { folder in
      for name in ["a", "b"] {
        try DiskOperations().createFolder("\(folder)/\(name)")
        try SavedRun.save(7, in: makeStore("\(folder)/\(name)"))
      }
      for name in try names(in: "\(folder)/a/step-00000007") {
        #expect(
          try contents(of: "\(folder)/a/step-00000007/\(name)")
            == contents(of: "\(folder)/b/step-00000007/\(name)"))
      }
    }
  }

  @Test func theNewestStayAndOnlyOursAreRemoved() throws {
    try withScratchFolder { folder in
      let ours = [".tmp-step-00000009.1f", ".tmp-step-00000010.deadbeef", "step-00000002"]
      let others = [".tmp", ".tmp-step-x", "step-1", "step-00000001-copy", "notes"]
      for name in ours + others { try DiskOperations().createFolder("\(folder)/\(name)") }
      let store = makeStore(folder, keep: 2)
      for step in [10, 20, 30, 100_000_000] { try SavedRun.save(step, in: store) }
      #expect(
        try names(in: folder)
          == (others + ["latest", "step-00000030", "step-100000000"]).sorted())
      #expect(try store.newestValid()?.step == 100_000_000)
    }
  }

  @Test func aValidStepIsNotSavedAgain() throws {
    try withScratchFolder { folder in
      try SavedRun.save(7, in: makeStore(folder))
      let operations = FaultyOperations(failingAt: nil)
      try SavedRun.save(7, in: makeStore(folder, operations: operations))
      #expect(operations.count == 1, "it looks for COMMIT")
    }
  }

  @Test func aDamagedStepIsSavedAgain() throws {
    try withScratchFolder { folder in
      let warnings = Warnings()
      let store = makeStore(folder, warnings: warnings)
      try SavedRun.save(7, in: store)
      try write([], to: "\(folder)/step-00000007/unet.safetensors")
      try SavedRun.save(7, in: store)
      try SavedRun.expectWhole(#require(try store.newestValid()))
      #expect(warnings.texts.count == 1)
      #expect(try names(in: folder).count { $0.hasPrefix(".bad-step-00000007.") } == 1)
    }
  }

  @Test(arguments: [(5, 1), (nil, 0)] as [(Int?, Int)])
  func goingBackSetsLaterOnesAside(step: Int?, keptCount: Int) throws {
    try withScratchFolder { folder in
      let store = makeStore(folder, keep: 3)
      for step in [5, 10, 15] { try SavedRun.save(step, in: store) }
      try store.setAside(after: step.map { CheckpointName(step: $0) })
      #expect(try store.newestValid()?.step == step)
      let names = try names(in: folder)
      #expect(names.count { $0.hasPrefix("step-") } == keptCount)
      #expect(names.count { $0.hasPrefix(".old-step-") } == 3 - keptCount)
    }
  }

  @Test func loadingIsStrict() throws {
    try withScratchFolder { folder in
      try SavedRun.save(7, in: makeStore(folder))
      let path = "\(folder)/step-00000007"
      let checkpoint = try Checkpoint(path: path)
      let (weight, bias) = ("a.weight", "a.bias")
      func load(_ parameters: [(String, [Int])]) -> String? {
        errorText {
          try checkpoint.load(
            "unet", into: parameters.map { Parameter(name: $0, tensor: try .zeros(shape: $1)) })
        }
      }
      let file = "\(path)/unet.safetensors"
      #expect(load([(weight, [2, 3]), (bias, [1])]) == nil)
      #expect(
        load([(weight, [2, 3]), (bias, [1]), ("b", [1])])?
          .hasPrefix("\(file): tensor b [1] is missing") == true)
      #expect(
        load([(bias, [1])])?.hasPrefix("\(file): the model has no place for a.weight") == true)
      #expect(
        load([(weight, [3, 2]), (bias, [1])])
          == "\(file): tensor a.weight has shape [2, 3], the model expects [3, 2]")
      #expect(
        errorText { try checkpoint.load("vae", into: []) }
          == "\(path): expected a checkpoint with vae.safetensors, found moments.safetensors, "
          + "state.json, unet.safetensors: was it saved with other settings?")
      #expect(errorText { _ = try checkpoint.state(as: [Int].self) } != nil)
    }
  }

  @Test func aStateThatIsNoNumberIsNotSaved() throws {
    try withScratchFolder { folder in
      let store = makeStore(folder)
      #expect(throws: TrainingError.self) {
        try store.save(step: 1, groups: [], state: ["loss": Double.nan])
      }
      let left = try names(in: folder)
      #expect(left.isEmpty)
    }
  }

  @Test func aFolderThatVanishedIsNamed() throws {
    let store = makeStore("/nowhere/checkpoints")
    let error = errorText { try SavedRun.save(7, in: store) }
    #expect(
      error?.hasPrefix(
        "the checkpoint of step 7: expected to be saved, found /nowhere/checkpoints/.tmp-") == true)
  }
}
