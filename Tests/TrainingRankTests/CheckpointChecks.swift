import Foundation
import MPI
import RankChecks
import Torch
import TorchNN

@testable import Training

/// A file system that fails to write tensors, or to rename after it has done so.
private struct FailingOperations: FileOperations {
  var failsToWrite = false
  var failsAfterRename = false
  private let disk = DiskOperations()

  init(failsToWrite: Bool = false, failsAfterRename: Bool = false) {
    self.failsToWrite = failsToWrite
    self.failsAfterRename = failsAfterRename
  }

  func exists(_ path: String) throws -> Bool { try disk.exists(path) }
  func createFolder(_ path: String) throws { try disk.createFolder(path) }
  func createFile(_ path: String, contents: Data) throws {
    try disk.createFile(path, contents: contents)
  }
  func createTensorFile(_ path: String, tensors: [HostTensor]) throws {
    if failsToWrite { throw TrainingError(path, failed: "room", errno: ENOSPC) }
    try disk.createTensorFile(path, tensors: tensors)
  }
  func synchronizeFolder(_ path: String) throws { try disk.synchronizeFolder(path) }
  func rename(_ path: String, to newPath: String) throws {
    try disk.rename(path, to: newPath)
    if failsAfterRename { throw TrainingError(path, failed: "to rename it", errno: EIO) }
  }
  func remove(_ path: String) throws { try disk.remove(path) }
}

/// A folder that all ranks know; rank 0 makes it, and removes it afterwards.
private func withFolder(_ world: Communicator, _ body: (String) throws -> Void) throws {
  let name = FileManager.default.temporaryDirectory.appending(path: "saves-\(UUID())").path
  let folder = try world.broadcast(world.rank == 0 ? name : nil)
  try world.agreed { if world.rank == 0 { try DiskOperations().createFolder(folder) } }
  try body(folder)
  try world.barrier()
  if world.rank == 0 { try FileManager.default.removeItem(atPath: folder) }
}

/// A tensor of each rank.
private func groups(_ world: Communicator) throws -> [CheckpointGroup] {
  let tensor = try Tensor.full(Double(world.rank), shape: [3])
  return [
    CheckpointGroup(
      name: "own", parameters: [Parameter(name: "of\(world.rank)", tensor: tensor)],
      holder: .oneRankEach)
  ]
}

private func saver(
  _ world: Communicator, _ folder: String, _ operations: any FileOperations = DiskOperations(),
  warn: @escaping (String) -> Void = { _ in }
) -> CheckpointSaver {
  CheckpointSaver(
    world, folder: folder, retention: Retention(newestCount: 2), owner: nil,
    operations: operations, warn: warn)
}

/// Waits on rank 0 until the checkpoint of a step counts, without a word to the other ranks.
private func awaitCommit(_ world: Communicator, _ folder: String) -> Bool {
  guard world.rank == 0 else { return true }
  for _ in 0..<3000 {
    if access("\(folder)/step-00000010/COMMIT", F_OK) == 0 { return true }
    usleep(10_000)
  }
  return false
}

private func expectWhole(
  _ world: Communicator, _ folder: String, _ findings: inout Findings
) throws {
  let checkpoint = try Checkpoint(path: "\(folder)/step-00000010")
  let own = Parameter(name: "of\(world.rank)", tensor: try .zeros(shape: [3]))
  try checkpoint.load("own", into: [own], onlySome: true)
  findings.expect(
    try own.tensor.values(), equals: Array(repeating: Float(world.rank), count: 3), "the tensor")
  let names = try FileManager.default.contentsOfDirectory(atPath: checkpoint.path)
  findings.expect(
    Set(names),
    equals: Set(checkpoint.files.map(\.name) + ["COMMIT", CheckpointManifest.fileName]), "files")
}

let checkpointChecks = [
  RankCheck("aSaveCountsBeforeTheRanksTalkAgain") { world, findings in
    try withFolder(world) { folder in
      let saver = saver(world, folder)
      try saver.begin(step: 10, groups: groups(world), state: ["a": 1])
      findings.expect(awaitCommit(world, folder), equals: true, "committed")
      let saved = try saver.finish()
      findings.expect(saved?.name.step, equals: world.rank == 0 ? 10 : nil, "what was saved")
      try expectWhole(world, folder, &findings)
    }
  },
  RankCheck("aSaveThatTheRanksWaitForIsTheSame") { world, findings in
    try withFolder(world) { folder in
      let saver = saver(world, folder)
      try saver.begin(step: 10, groups: groups(world), state: ["a": 1])
      _ = try saver.finish()
      try expectWhole(world, folder, &findings)
    }
  },
  RankCheck("aRankThatCannotWriteEndsTheSaveOnAll") { world, findings in
    try withFolder(world) { folder in
      for failing in 0..<world.size {
        let saver = saver(
          world, folder, FailingOperations(failsToWrite: world.rank == failing))
        try saver.begin(step: 10, groups: groups(world), state: ["a": 1])
        do {
          _ = try saver.finish()
          findings.expect("a checkpoint", equals: "a failure", "rank \(failing)")
        } catch let failure as AgreedFailure {
          findings.expect(failure.causes.map(\.rank), equals: [failing], "who failed")
        }
        findings.expect(saver.isIdle, equals: true, "idle")
        let names = try FileManager.default.contentsOfDirectory(atPath: folder)
        if world.rank == 0 { findings.expect(names, equals: [], "what is left") }
        try world.barrier()
      }
    }
  },
  RankCheck("aRankThatFailsWhenAllIsThereEndsNothing") { world, findings in
    guard world.size > 1 else { return }
    try withFolder(world) { folder in
      var warnings: [String] = []
      let saver = saver(
        world, folder, FailingOperations(failsAfterRename: world.rank == world.size - 1)
      ) { warnings.append($0) }
      try saver.begin(step: 10, groups: groups(world), state: ["a": 1])
      findings.expect(awaitCommit(world, folder), equals: true, "committed")
      let saved = try saver.finish()
      findings.expect(saved?.name.step, equals: world.rank == 0 ? 10 : nil, "what was saved")
      findings.expect(warnings.count, equals: world.rank == 0 ? 1 : 0, "\(warnings)")
      try expectWhole(world, folder, &findings)
    }
  },
]
