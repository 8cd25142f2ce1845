import ClusterConfiguration
import MPI

/// A small run on one rank, the same each time, with every internal check on.
///
/// It is the run that training is, by the same code; the checks look at it and change nothing. The
/// first check that fails ends it.
public struct DebugRun {
  private let trainer: Trainer
  private let inspector: DebugInspector
  private let report: (String) -> Void

  /// How a person asks for such a run.
  public static let option = "--debug"

  /// What makes a run of `configuration` small, as overrides that come before the user's.
  ///
  /// Two epochs of two optimiser steps, so that all that happens happens: steps with and without
  /// log-ratios to the old policy, and epochs with and without a policy that is the reference.
  public static func presets(for configuration: RunConfiguration) -> [String] {
    let output = configuration.run.output.replacing(/\/+$/, with: "") + "-debug"
    return [
      "run.output=\(quoted(output))", "run.epochs=2", "cluster.threadsPerRank=1",
      "method.promptsPerEpoch=2", "method.imagesPerPrompt=4", "method.innerSteps=2",
      "method.klLimit=null", "sampler.batchSize=4", "evaluation.imagesPerSet=8",
      "evaluation.everyEpochs=0", "logging.progress=plain", "logging.everyEpochs=1",
      "logging.sampleImages=8",
    ]
  }

  /// A run with checks by `trainer`, which must not have begun.
  ///
  /// - Parameters:
  ///   - dumpFolder: Where everything of the last optimiser step is written, see ``StepDump``; a
  ///     folder without files, or none yet. `nil` writes nothing.
  ///   - report: Is given a line for each check.
  /// - Throws: `AgreedFailure` when the folder cannot be used.
  public init(_ trainer: Trainer, dumpFolder: String?, report: @escaping (String) -> Void) throws {
    try trainer.communicator.requireOneRank(for: Self.option)
    try trainer.requirePRDP(for: Self.option)
    let dump = try trainer.communicator.agreed { try dumpFolder.map(StepDump.init(folder:)) }
    inspector = DebugInspector(CheckReport(report), dump: dump)
    trainer.inspector = inspector
    self.trainer = trainer
    self.report = report
  }

  /// Takes the run to its end or to the first check that fails.
  ///
  /// - Throws: What makes it impossible to go on, such as a full disk.
  public func run() throws -> RunOutcome {
    let outcome = try trainer.run()
    guard case .completed = outcome else { return outcome }
    report("\(inspector.checks.count) checks passed")
    if let dump = inspector.dump {
      guard dump.isWritten else {
        return .failed(
          "the run ended before its last optimiser step, so there is none to dump", exitStatus: 1)
      }
      report("the last optimiser step is in \(dump.folder): see \(StepDump.recordName)")
    }
    return .completed
  }

  /// A text in YAML's double quotes.
  private static func quoted(_ text: String) -> String {
    "\"" + text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
  }
}
