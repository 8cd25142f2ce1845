import ArgumentParser
import ClusterConfiguration
import Foundation
import MPI
import Torch
import Training

struct Train: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Fine-tunes a model with PRDP, under mpirun or by itself.",
    discussion: """
      Writes metrics.jsonl, summary.json, config.yaml, samples/ and checkpoints/ to run.output. \
      Ends with 0 when the run is done, with 2 for bad input, and with 3 when its numbers make \
      it impossible to go on.

      EXAMPLES
        mpirun -np 4 prdp train --config cluster.yaml
        prdp train --config cluster.yaml --set run.output=runs/b --set 'method.beta=1e-4'
        mpirun -np 2 prdp train --config cluster.yaml --resume latest
        prdp train --config cluster.yaml --debug --dump-step runs/dump
      """)

  @OptionGroup var source: ConfigurationOptions

  @Option(help: "latest, never, or the path of a checkpoint to go on from.")
  var resume = "never"

  func run() throws {
    var outcome = RunOutcome.completed
    try withRanks { world in
      let configuration = try source.load(world)
      let device = try prepareDevice(
        configuration.cluster.device == .cpu ? .cpu : .cuda,
        threadsPerRank: configuration.cluster.threadsPerRank, communicator: world)
      let trainer = try Trainer(
        configuration, communicator: world, device: device, resume: resumption)
      outcome = try trainer.run()
      if case .failed(let reason) = outcome, world.rank == 0 { complain(reason) }
    }
    if case .failed = outcome { throw ExitCode(3) }
  }

  private var resumption: Trainer.Resume {
    switch resume {
    case "never": .never
    case "latest": .latest
    default: .checkpoint(path: resume)
    }
  }
}
