import Foundation
import Testing

@testable import Training

struct RunCheckpointsTests {
  /// A run with checkpoints of some steps.
  private func withRun(_ steps: [Int], _ body: (String) throws -> Void) throws {
    try withScratchFolder { folder in
      try DiskOperations().createFolder("\(folder)/checkpoints")
      for step in steps {
        try SavedRun.save(step, in: makeStore("\(folder)/checkpoints", keep: 100))
      }
      try body(folder)
    }
  }

  @Test func allAreListedWithWhatIsWrongWithThem() throws {
    try withRun([10, 20]) { folder in
      try DiskOperations().createFolder("\(folder)/checkpoints/step-00000030")
      try write([], to: "\(folder)/checkpoints/step-00000020/manifest.json")
      let entries = try RunCheckpoints(ofRun: folder).list()
      #expect(entries.map(\.name) == ["step-00000010", "step-00000020", "step-00000030"])
      #expect(entries.map(\.step) == [10, 20, 30])
      #expect(entries[0].fault == nil && entries[0].byteCount > 0 && entries[0].date != nil)
      #expect(entries[0].epoch == nil && !entries[0].holdsRollouts)
      #expect(entries[1].fault?.contains("step-00000020/COMMIT: expected") == true)
      #expect(entries[2].fault == "was never saved to its end")
    }
  }

  @Test func eachIsVerified() throws {
    try withRun([10, 20]) { folder in
      let damaged = "\(folder)/checkpoints/step-00000020"
      try write([], to: "\(damaged)/unet.safetensors")
      var faults: [String: String?] = [:]
      try RunCheckpoints.verify(folder) { faults[$0] = $1 }
      #expect(faults["\(folder)/checkpoints/step-00000010"] == .some(nil))
      #expect(faults[damaged]??.hasPrefix("\(damaged)/unet.safetensors: expected ") == true)
      faults = [:]
      try RunCheckpoints.verify(damaged) { faults[$0] = $1 }
      #expect(faults.count == 1 && faults[damaged]?.map(\.isEmpty) == false)
    }
    try withRun([]) { folder in
      #expect(
        errorText { try RunCheckpoints.verify(folder) { _, _ in } }
          == "\(folder): expected checkpoints, found none")
      #expect(
        errorText { try RunCheckpoints.verify("\(folder)/no") { _, _ in } }?
          .hasPrefix("\(folder)/no: expected the folder of a run, found ") == true)
    }
  }

  @Test func theOlderOnesAreRemovedWhereTheNewestIsGood() throws {
    try withRun([10, 15, 20, 30]) { folder in
      let checkpoints = try RunCheckpoints(ofRun: folder)
      let path = "\(folder)/checkpoints"
      let all = try names(in: path)
      #expect(
        try checkpoints.prune(keep: 1, keepEvery: 10, isDryRun: true) == ["step-00000015"])
      #expect(try names(in: path) == all)
      #expect(
        try checkpoints.prune(keep: 1, keepEvery: 20, isDryRun: false)
          == ["step-00000010", "step-00000015"])
      #expect(try names(in: path) == ["latest", "step-00000020", "step-00000030"])

      try write([], to: "\(path)/step-00000030/unet.safetensors")
      #expect(
        errorText { _ = try checkpoints.prune(keep: 1, keepEvery: 0, isDryRun: false) }?
          .contains("step-00000030/unet.safetensors: expected ") == true)
      let lock = try RunFolderLock(folder: folder, patience: 0)
      #expect(
        errorText { _ = try checkpoints.prune(keep: 1, keepEvery: 0, isDryRun: false) }?
          .contains("another run at work in it") == true)
      withExtendedLifetime(lock) {}
      #expect(try names(in: path) == ["latest", "step-00000020", "step-00000030"])
    }
  }

  @Test(arguments: [4, 6])
  func aRunGoesOnFromItsCheckpointToTheSameBitsTwice(step: Int) throws {
    try withScratchFolder { folder in
      var configuration = try DebugFixture.configuration(in: folder)
      configuration.checkpoint.everySteps = 1
      configuration.checkpoint.keep = 10
      let world = try DebugFixture.world()
      let trainer = try Trainer(
        configuration, communicator: world, device: .cpu, resume: .never)
      #expect(try trainer.run() == .completed)
      // In the midst of an epoch, and at the run's end.
      let path = "\(configuration.run.output)/checkpoints/step-0000000\(step)"
      let proof = try CheckpointProof(path, stepCount: 4)
      let report = try proof.run(
        scratch: "\(folder)/proof", communicator: world, device: .cpu)
      #expect(report.differences.isEmpty, "\(report.differences)")
      let end = try #require(
        try makeStore("\(folder)/proof/second/checkpoints").newestValid())
      #expect(end.step == step + 4)
    }
  }

  @Test func whatDiffersBetweenTheTwoIsNamed() throws {
    try withScratchFolder { folder in
      let configuration = try DebugFixture.configuration(in: folder)
      let trainer = try Trainer(
        configuration, communicator: DebugFixture.world(), device: .cpu, resume: .never)
      #expect(try trainer.run() == .completed)
      let checkpoints = RunFolder.checkpoints(in: configuration.run.output)
      let path = try #require(try makeStore(checkpoints).newestValid()).path
      let proof = try CheckpointProof(path, stepCount: 2)
      let state = SavedRun.state(step: 8)
      func end(_ name: String, losses: [Double], moments: Int) throws -> String {
        let output = try RunFolder(path: "\(folder)/\(name)")
        let groups = try [
          SavedRun.groups(step: 8)[0],
          CheckpointGroup(name: "moments", parameters: SavedRun.parameters(step: moments)),
        ]
        try makeStore(output.checkpoints).save(step: 8, groups: groups, state: state)
        let lines = losses.enumerated().map {
          #"{"kind":"step","loss":\#($1),"seconds":{"sample":\#(Double.random(in: 0...1))}}"#
        }
        try write((lines.joined(separator: "\n") + "\n").utf8, to: output.metrics)
        return output.path
      }
      let one = try end("one", losses: [0.5, 0.25], moments: 3)
      #expect(try proof.compare([one, end("same", losses: [0.5, 0.25], moments: 3)]).isEmpty)
      let tensor = try proof.compare([one, end("tensor", losses: [0.5, 0.25], moments: 4)])
      #expect(tensor.count == 1 && tensor[0].hasPrefix("moments"), "\(tensor)")
      let loss = try proof.compare([one, end("loss", losses: [0.5, 0.26], moments: 3)])
      #expect(loss.count == 1 && loss[0].contains(#""loss":0.26"#), "\(loss)")
      let count = try proof.compare([one, end("count", losses: [0.5], moments: 3)])
      #expect(count == ["1 steps in \(folder)/count, not 2"])
    }
  }
}
