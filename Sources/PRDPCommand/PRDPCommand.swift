import ArgumentParser
import MPI

/// The tool's entry.
@main
struct PRDPCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "prdp",
    abstract: "Fine-tunes text-to-image diffusion models with rewards, under mpirun.",
    discussion: """
      PRDP (Proximal Reward Difference Prediction, CVPR 2024) makes a diffusion model follow a \
      reward. One file, cluster.yaml, says everything about a run.

      EXAMPLES
        prdp launch --config cluster.yaml
        mpirun -np 4 prdp train --config cluster.yaml
        prdp train --config cluster.yaml --debug
        prdp train --config cluster.yaml --set method.beta=1e-4 --resume latest
        prdp config check --config cluster.yaml
        prdp report runs/embedded
        prdp scenes render --output scenes.png
        prdp --generate-completion-script bash > prdp.bash
      """,
    version: "0.1.0",
    subcommands: [
      Train.self, Launch.self, CheckpointCommand.self, Calibrate.self, ExportCommand.self,
      Report.self, Sample.self, Evaluate.self, CompareCommand.self, Inspect.self, Tokenize.self,
      PromptsCommand.self, Bench.self, Plan.self, DoctorCommand.self, DoctorHost.self,
      Pretrain.self, RewardCommand.self, Config.self, ScenesCommand.self,
    ])

  static func main() {
    fillStandardStreams()
    do {
      var command = try parsed()
      try command.run()
    } catch {
      exit(withError: error)
    }
  }

  /// The command that the arguments ask for.
  ///
  /// Arguments are the same on all ranks, and so is what is wrong with them: it is said once.
  private static func parsed() throws -> any ParsableCommand {
    do {
      return try parseAsRoot()
    } catch  where exitCode(for: error) != .success {
      let text = fullMessage(for: error)
      try withRanks { world in
        try world.agreed { throw UnusableArguments(description: text) }
      }
      throw error
    }
  }
}

/// Arguments that ask for nothing that can be done.
private struct UnusableArguments: Error, CustomStringConvertible {
  let description: String

  init(description: String) {
    // Whoever says it says first that it is an error.
    self.description = String(description.trimmingPrefix("Error: "))
  }
}
