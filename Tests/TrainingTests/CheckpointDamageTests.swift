import Foundation
import Testing

@testable import Training

/// Checkpoints that the disk, or a person, has changed.
struct CheckpointDamageTests {
  static let fileNames = [
    "COMMIT", "manifest.json", "moments.safetensors", "state.json", "unet.safetensors",
  ]

  private func flipBit(_ bit: Int, in path: String) throws {
    var bytes = try contents(of: path)
    bytes[bytes.startIndex + bit / 8] ^= 1 << (bit % 8)
    try write(bytes, to: path)
  }

  @Test(arguments: fileNames)
  func aFlippedBitIsFoundAndNamed(_ name: String) throws {
    try withScratchFolder { folder in
      try SavedRun.save(10, in: makeStore(folder))
      let path = "\(folder)/step-00000010/\(name)"
      let bitCount = try contents(of: path).count * 8
      for bit in [0, bitCount / 3, bitCount / 2, bitCount - 1] {
        try flipBit(bit, in: path)
        // A damaged manifest shows in the hash that COMMIT has of it.
        let named = name == "manifest.json" ? "\(folder)/step-00000010/COMMIT" : path
        let error = errorText { _ = try Checkpoint(path: "\(folder)/step-00000010") }
        #expect(error?.hasPrefix("\(named): ") == true, "bit \(bit)")
        try flipBit(bit, in: path)
      }
      try SavedRun.expectWhole(Checkpoint(path: "\(folder)/step-00000010"))
    }
  }

  @Test(arguments: ["moments.safetensors", "state.json", "unet.safetensors"])
  func whatIsVerifiedWhenUsedIsRefusedThen(_ name: String) throws {
    try withScratchFolder { folder in
      try SavedRun.save(10, in: makeStore(folder))
      let path = "\(folder)/step-00000010"
      try flipBit(try contents(of: "\(path)/\(name)").count * 8 - 1, in: "\(path)/\(name)")
      let checkpoint = try Checkpoint(path: path, verification: .whenUsed)
      let uses: [(String, () throws -> Void)] = [
        (
          "moments.safetensors",
          { try checkpoint.load("moments", into: SavedRun.parameters(step: 1)) }
        ),
        ("state.json", { _ = try checkpoint.state(as: SavedRun.State.self) }),
        ("unet.safetensors", { try checkpoint.load("unet", into: SavedRun.parameters(step: 1)) }),
      ]
      for (used, use) in uses {
        #expect(
          errorText(use)
            == (used == name
              ? "\(path)/\(name): expected the bytes that were saved, "
                + "found others with another SHA-256" : nil),
          "\(used)")
      }
    }
  }

  enum Damage: CaseIterable {
    case bitFlipped, cut, emptied, lengthened, removed
  }

  private func damage(_ path: String, _ damage: Damage) throws {
    let bytes = try contents(of: path)
    switch damage {
    case .bitFlipped: try flipBit(bytes.count * 5, in: path)
    case .cut: try write(bytes.dropLast(), to: path)
    case .emptied: try write([], to: path)
    case .lengthened: try write(bytes + [0], to: path)
    case .removed: try FileManager.default.removeItem(atPath: path)
    }
  }

  @Test(arguments: fileNames, Damage.allCases)
  func theOneBeforeIsTaken(_ name: String, _ kind: Damage) throws {
    try withScratchFolder { folder in
      let warnings = Warnings()
      let store = makeStore(folder, warnings: warnings)
      for step in [10, 20] { try SavedRun.save(step, in: store) }
      try damage("\(folder)/step-00000020/\(name)", kind)

      let checkpoint = try #require(try store.newestValid())
      #expect(checkpoint.step == 10)
      try SavedRun.expectWhole(checkpoint)
      // Without COMMIT it is a save that never ended, which is no news.
      let isUncommitted = name == "COMMIT" && kind == .removed
      let aside = try names(in: folder).filter { $0.hasPrefix(".bad-step-00000020.") }
      #expect(aside.count == (isUncommitted ? 0 : 1))
      #expect(warnings.texts.count == aside.count)
      #expect(warnings.texts.allSatisfy { $0.contains("\(folder)/step-00000020/") })
      try SavedRun.save(20, in: store)
      #expect(try store.newestValid()?.step == 20)
    }
  }

  @Test func whoReadsTheCheckpointsOfARunChangesNothing() throws {
    try withScratchFolder { folder in
      let warnings = Warnings()
      let store = makeStore(folder, warnings: warnings)
      try DiskOperations().createFolder("\(folder)/step-00000030")
      // As where the first save is on its way.
      #expect(try store.newestValidAsItIs() == nil)
      for step in [10, 20] { try SavedRun.save(step, in: makeStore(folder)) }
      try write([], to: "\(folder)/step-00000020/unet.safetensors")
      #expect(try store.newestValidAsItIs()?.step == 10)
      #expect(
        try names(in: folder) == ["latest", "step-00000010", "step-00000020", "step-00000030"])
      #expect(warnings.texts.isEmpty)
      #expect(try store.newestValid()?.step == 10)
      #expect(warnings.texts.count == 1)
    }
  }

  @Test func withoutAValidOneTheRunDoesNotStartAnew() throws {
    try withScratchFolder { folder in
      let store = makeStore(folder)
      for step in [10, 20] { try SavedRun.save(step, in: store) }
      try damage("\(folder)/step-00000010/unet.safetensors", .cut)
      try damage("\(folder)/step-00000020/state.json", .bitFlipped)
      // The second time as the first: nothing was set aside.
      for _ in 0..<2 {
        let error = try #require(errorText { _ = try store.newestValid() })
        #expect(error.hasPrefix("\(folder): expected a valid checkpoint, found "))
        #expect(error.contains("\(folder)/step-00000010/unet.safetensors: expected "))
        #expect(error.contains("\(folder)/step-00000020/state.json: expected "))
      }
      #expect(try names(in: folder) == ["latest", "step-00000010", "step-00000020"])
    }
  }

  @Test func aCommitThatCannotBeLookedUpIsNotTakenForNone() throws {
    let uses: [(String, (CheckpointStore) throws -> Void)] = [
      ("newestValid", { _ = try $0.newestValid() }),
      ("setAside", { try $0.setAside(after: CheckpointName(step: 10)) }),
      ("prune", { try $0.prune(through: CheckpointName(step: 20)) }),
      ("freeName", { _ = try $0.freeName(ofStep: 20) }),
      ("withdraw", { try $0.withdraw(CheckpointName(step: 20)) }),
    ]
    try withScratchFolder { folder in
      for step in [10, 20] { try SavedRun.save(step, in: makeStore(folder)) }
      for (name, use) in uses {
        let store = makeStore(folder, operations: FaultyOperations(failingAt: 0))
        #expect(errorText { try use(store) } == "No space left on device", "\(name)")
        #expect(try names(in: folder) == ["latest", "step-00000010", "step-00000020"], "\(name)")
      }
      #expect(try makeStore(folder).newestValid()?.step == 20)
    }
  }

  @Test func aCheckpointOfANewerReleaseIsNeitherPassedOverNorSetAside() throws {
    try withScratchFolder { folder in
      let store = makeStore(folder)
      for step in [10, 20] { try SavedRun.save(step, in: store) }
      let path = "\(folder)/step-00000020"
      let manifest = Data(#"{"formatVersion":3,"step":20,"files":[]}"#.utf8)
      try write(manifest, to: "\(path)/manifest.json")
      try write(Checkpoint.commitContents(for: manifest), to: "\(path)/COMMIT")
      #expect(
        errorText { _ = try store.newestValid() }
          == "\(path)/manifest.json: expected format version 1 to 2, found 3: "
          + "load it with the release that saved it")
      #expect(try names(in: folder) == ["latest", "step-00000010", "step-00000020"])
    }
  }

  @Test(arguments: [
    (EIO, true), (ESTALE, true), (EACCES, true), (EMFILE, true), (ENOENT, false), (ELOOP, false),
  ])
  func whatTheSystemDoesNotGiveIsNoDamage(_ code: CInt, _ leavesContentsOpen: Bool) {
    let error = TrainingError("a", failed: "a file that can be read", errno: code)
    #expect(error.leavesContentsOpen == leavesContentsOpen)
  }

  @Test func checkpointsThatLostTheirCommitAreNotForgotten() throws {
    try withScratchFolder { folder in
      let store = makeStore(folder)
      for step in [10, 20] { try SavedRun.save(step, in: store) }
      for step in [10, 20] { try damage("\(folder)/step-000000\(step)/COMMIT", .removed) }
      let error = errorText { _ = try store.newestValid() }
      #expect(error?.contains("\(folder)/step-00000020: COMMIT is missing") == true)
    }
  }

  @Test(arguments: ["../secret", "/etc/passwd", "a/b", "", ".hidden", "..", "a\u{0}b"])
  func aManifestCannotNameFilesElsewhere(_ name: String) throws {
    try withScratchFolder { folder in
      let file = CheckpointManifest.File(name: name, size: 0, sha256: "")
      let manifest = try CheckpointManifest(step: 1, files: [file]).encoded()
      try write(manifest, to: "\(folder)/manifest.json")
      try write(Checkpoint.commitContents(for: manifest), to: "\(folder)/COMMIT")
      #expect(
        errorText { _ = try Checkpoint(path: folder) }
          == "\(folder)/manifest.json: expected plain file names, found \(name.debugDescription)")
    }
  }

  @Test(arguments: fileNames)
  func aLinkOrAPipeIsRefused(_ name: String) throws {
    try withScratchFolder { folder in
      try SavedRun.save(10, in: makeStore(folder))
      let path = "\(folder)/step-00000010/\(name)"
      try DiskOperations().rename(path, to: "\(folder)/elsewhere")
      #expect(symlink("\(folder)/elsewhere", path) == 0)
      #expect(
        errorText { _ = try Checkpoint(path: "\(folder)/step-00000010") }
          == "\(path): expected a file that can be read, found 'Too many levels of symbolic links'")
      #expect(unlink(path) == 0 && mkfifo(path, 0o600) == 0)
      #expect(
        errorText { _ = try Checkpoint(path: "\(folder)/step-00000010") }
          == "\(path): expected a regular file, found a pipe or a device")
    }
  }

  @Test(arguments: [
    ("{", "expected a checkpoint's manifest, found "),
    (#"{"formatVersion":3,"step":1,"files":[]}"#, "expected format version 1 to 2, found 3: "),
    (#"{"formatVersion":2,"step":-1,"files":[]}"#, "expected a step and sizes from 0 to "),
    (#"{"formatVersion":2,"step":9000000000000000000,"files":[]}"#, "expected a step and sizes "),
    (
      #"{"formatVersion":2,"step":1,"files":[{"name":"a","size":9000000000000000000,"sha256":""}]}"#,
      "expected a step and sizes "
    ),
    (
      #"{"formatVersion":2,"step":1,"files":[{"name":"a","size":0,"sha256":""},"#
        + #"{"name":"a","size":0,"sha256":""}]}"#, "expected each file once, found one again"
    ),
  ])
  func aManifestOfAnotherKindIsRefused(_ json: String, error: String) throws {
    try withScratchFolder { folder in
      try write(json.utf8, to: "\(folder)/manifest.json")
      try write(Checkpoint.commitContents(for: Data(json.utf8)), to: "\(folder)/COMMIT")
      #expect(
        errorText { _ = try Checkpoint(path: folder) }?
          .hasPrefix("\(folder)/manifest.json: \(error)") == true)
    }
  }
}
