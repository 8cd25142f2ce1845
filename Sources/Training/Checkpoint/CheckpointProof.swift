import ClusterConfiguration
import Foundation
import MPI
import Torch

/// Shows of a checkpoint that a run goes on from it to the same bits each time: goes on twice, and
/// compares weights, optimiser, trajectories under way and the numbers of every step.
public struct CheckpointProof {
  /// What came of it.
  public struct Report: Sendable {
    /// Optimiser steps that each of the two runs took.
    public let stepCount: Int
    /// What differs; empty where all is equal.
    public let differences: [String]
  }

  /// As the run had it, but for what is shown and saved on the way.
  public let configuration: RunConfiguration
  private let checkpoint: Checkpoint
  private let stepCount: Int

  /// Opens a checkpoint.
  ///
  /// - Parameter stepCount: Steps that are taken from there, 1 or more.
  /// - Throws: ``TrainingError`` where it is not valid.
  public init(_ path: String, stepCount: Int) throws {
    checkpoint = try Checkpoint(path: path)
    self.stepCount = stepCount
    let state = try checkpoint.state(as: TrainingState.self)
    var configuration = try RunConfiguration(
      yaml: state.configuration, source: "\(path)/\(Checkpoint.stateName)")
    // Of a run at its end there are more epochs to take.
    let inners = configuration.method.innerSteps
    configuration.run.epochs = max(
      configuration.run.epochs, state.epoch + (stepCount + inners - 1) / inners + 1)
    configuration.checkpoint.everyEpochs = 0
    configuration.checkpoint.everySteps = 0
    configuration.evaluation.everyEpochs = 0
    configuration.logging.gridEveryEpochs = 0
    configuration.logging.progress = .none
    configuration.cluster.timeLimit = nil
    // It could end the run before the last of the steps.
    if configuration.method.klAction == .stop { configuration.method.klLimit = nil }
    self.configuration = configuration
  }

  /// Goes on twice, in new folders below `scratch`, and compares. Collective.
  ///
  /// - Returns: The same on all ranks.
  /// - Throws: `AgreedFailure`, such as where the model is not where the run had it.
  public func run(
    scratch: String, communicator: Communicator, device: Device
  ) throws -> Report {
    let outputs = ["first", "second"].map { "\(scratch)/\($0)" }
    for output in outputs {
      var configuration = configuration
      configuration.run.output = output
      let trainer = try Trainer(
        configuration, communicator: communicator, device: device,
        resume: .checkpoint(path: checkpoint.path))
      trainer.lastStep = checkpoint.step + stepCount
      if case .failed(let reason, _) = try trainer.run() {
        try communicator.agreed {
          throw TrainingError(checkpoint.path, expected: "a run to go on from it", found: reason)
        }
      }
    }
    let lines = try communicator.agreed {
      communicator.rank == 0 ? try compare(outputs).joined(separator: "\n") : ""
    }
    let agreedLines = try communicator.broadcast(communicator.rank == 0 ? lines : nil)
    return Report(
      stepCount: stepCount, differences: agreedLines.split(separator: "\n").map(String.init))
  }

  /// What differs between two runs from the checkpoint, given their folders.
  func compare(_ outputs: [String]) throws -> [String] {
    let ends = try outputs.map { output in
      let folder = RunFolder.checkpoints(in: output)
      guard let end = try CheckpointStore(folder: folder, warn: { _ in }).newestValid() else {
        throw TrainingError(folder, expected: "a checkpoint of the run's end", found: "none")
      }
      return end
    }
    var differences: [String] = []
    let (one, other) = (ends[0], ends[1])
    if one.name != other.name { differences.append("\(one.path) and \(other.path)") }
    for (name, hash) in one.tensorHashes where other.tensorHashes[name] != hash {
      differences.append("\(name) of \(one.path) and \(other.path)")
    }
    if one.tensorHashes.count != other.tensorHashes.count { differences.append("the files") }
    let records = try outputs.map(Self.stepRecords)
    for (step, (record, otherRecord)) in zip(records[0], records[1]).enumerated()
    where record != otherRecord {
      differences.append("step \(checkpoint.step + step + 1): \(record) and \(otherRecord)")
    }
    for (output, records) in zip(outputs, records) where records.count != stepCount {
      differences.append("\(records.count) steps in \(output), not \(stepCount)")
    }
    return differences.sorted()
  }

  /// The lines of a run's optimiser steps, seconds apart.
  private static func stepRecords(of output: String) throws -> [String] {
    let bytes = try RegularFile("\(output)/metrics.jsonl").contents(byteLimit: 1 << 30)
    return String(decoding: bytes, as: UTF8.self).split(separator: "\n")
      .filter { $0.contains(#""kind":"step""#) }
      .map { String($0).replacing(/"seconds":\{[^}]*\},?/, with: "") }
  }
}

extension Checkpoint {
  /// The SHA-256 of each file with tensors.
  fileprivate var tensorHashes: [String: String] {
    Dictionary(
      uniqueKeysWithValues: files.filter { $0.name.hasSuffix(".safetensors") }
        .map { ($0.name, $0.sha256) })
  }
}
