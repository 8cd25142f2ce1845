import ClusterConfiguration
import Foundation
import MPI
import RankChecks

@testable import Training

/// A folder that all ranks know, with the prompts of an evaluation; rank 0 makes it, and removes it
/// afterwards.
private func withFolder(
  _ world: Communicator, _ body: (_ folder: String, _ prompts: String) throws -> Void
) throws {
  let name = FileManager.default.temporaryDirectory.appending(path: "evaluation-\(UUID())").path
  let folder = try world.broadcast(world.rank == 0 ? name : nil)
  let prompts = "\(folder)/prompts.txt"
  try world.agreed {
    guard world.rank == 0 else { return }
    try DiskOperations().createFolder(folder)
    let lines =
      "a small red circle on a white background\na large green ring on a black background\n"
    try DiskOperations().createFile(prompts, contents: Data(lines.utf8))
  }
  try body(folder, prompts)
  try world.barrier()
  if world.rank == 0 { try FileManager.default.removeItem(atPath: folder) }
}

/// The configuration of a small run that has come to its end, after one step.
private func trained(
  in folder: String, _ world: Communicator, _ findings: inout Findings
) throws -> RunConfiguration {
  var configuration = smallRun()
  configuration.run.output = "\(folder)/run"
  configuration.run.epochs = 1
  configuration.method.innerSteps = 1
  let trainer = try Trainer(configuration, communicator: world, device: .cpu, resume: .never)
  findings.expect(try trainer.run(), equals: .completed, "the run")
  return configuration
}

private func report(
  _ configuration: RunConfiguration, _ weights: EvaluationRun.Weights, prompts: String,
  _ world: Communicator
) throws -> EvaluationReport {
  let run = try EvaluationRun(
    configuration, weights, modelPath: nil, prompts: prompts, imagesPerPrompt: 1, seed: 1,
    ledger: nil, communicator: world, device: .cpu)
  return try run.run { _, _ in }
}

let evaluationChecks = [
  RankCheck("theCheckpointOfARunIsChosenByRankZero") { world, findings in
    try withFolder(world) { folder, prompts in
      let configuration = try trained(in: folder, world, &findings)
      // What another rank makes of the path does not matter: there may be a newer one by then.
      let isLast = world.rank == world.size - 1 && world.size > 1
      let weights = EvaluationRun.Weights.checkpoint(
        path: isLast ? "\(folder)/nothing" : configuration.run.output)
      let report = try report(configuration, weights, prompts: prompts, world)
      findings.expect(
        report.weights, equals: "\(folder)/run/checkpoints/step-00000001", "the weights")
      findings.expect(report.scores.count, equals: 2, "scores")
    }
  },
  RankCheck("otherAdaptersOnOneRankAreRefused") { world, findings in
    try withFolder(world) { folder, prompts in
      let configuration = try trained(in: folder, world, &findings)
      let own = "\(folder)/of-rank-\(world.rank)"
      let file = try world.agreed {
        let file = try Export(configuration.run.output).writeAdapters(to: own)[0]
        guard world.rank == world.size - 1, world.size > 1 else { return file }
        // Another metadata with the same tensors.
        var bytes = try Data(contentsOf: URL(filePath: file))
        let place = bytes.firstRange(of: Data("\"pt\"".utf8))
        if let place { bytes.replaceSubrange(place, with: Data("\"np\"".utf8)) }
        try bytes.write(to: URL(filePath: file))
        return file
      }
      do {
        _ = try report(configuration, .adapters(path: file), prompts: prompts, world)
        findings.expect(world.size, equals: 1, "ranks without a failure")
      } catch let failure as AgreedFailure {
        findings.expect(failure.causes.map(\.rank), equals: [world.size - 1], "\(failure)")
        findings.expect(
          failure.description.contains("checkpoint or adapters on \(world.machineName): expected "),
          equals: true, "\(failure)")
      }
    }
  },
]
