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
      Writes metrics.jsonl, summary.json, config.yaml, samples/, tensorboard/ and checkpoints/ to \
      run.output, and ledger/ where a reward costs. \
      Ends with 0 when the run is done, with 2 for bad input, with 3 when its numbers make it \
      impossible to go on, with 75 when a rank is stuck or its weights are not the others', with \
      85 when it was stopped and saved, and with 1 for all else, such as a full disk or a reward \
      that fails.

      The signals USR1 and TERM stop it: it saves where it stands, within a step or the drawing of \
      a prompt's images, and --resume latest goes on from there. USR1 to mpirun reaches all ranks; \
      TERM to mpirun leaves them two seconds. cluster.timeLimit stops it by the clock.

      With --debug, without mpirun, a small run with the same settings goes to <run.output>-debug, \
      with every internal check on: trajectories drawn twice, log-probabilities computed in \
      sampling and in training, the two-pass gradient against autograd and against finite \
      differences, finite numbers everywhere. Each is a line; the first that fails ends the run \
      with 3. --dump-step then writes everything of the last optimiser step, explained in \
      step.json, for scripts/golden/check_dump.py or anyone to compute it again.

      EXAMPLES
        mpirun -np 4 prdp train --config cluster.yaml
        prdp train --set run.output=runs/b --set method.beta=1e-4
        mpirun -np 2 prdp train --config cluster.yaml --resume latest
        prdp train --config cluster.yaml --debug --dump-step runs/dump
      """)

  @OptionGroup var source: ConfigurationOptions

  @Option(
    help: "latest, never, or the path of a checkpoint to go on from.",
    completion: .custom { _, _, prefix in
      ["latest", "never"] + folderCompletions(of: prefix)
    })
  var resume = "never"

  @Flag(help: "Make a small run on one rank with every internal check on.")
  var debug = false

  @Option(
    name: .customLong("dump-step"),
    help: ArgumentHelp(
      "With --debug: writes everything of the last optimiser step to a new folder.",
      valueName: "folder"),
    completion: .directory)
  var dumpFolder: String?

  func validate() throws {
    if dumpFolder != nil && !debug {
      throw ValidationError("--dump-step writes a step of a debug run: add --debug")
    }
    if debug && resumption != .never {
      throw ValidationError("--debug starts from the model as it is: leave --resume out")
    }
  }

  func run() throws {
    let stop = debug ? StopRequest() : StopRequest.onSignals()
    var exitStatus: Int32 = 0
    try withRanks { world in
      if debug { try world.requireOneRank(for: DebugRun.option) }
      var configuration = try source.load(world)
      if debug {
        configuration = try source.load(world, presets: DebugRun.presets(for: configuration))
      }
      let launcher = try statedLauncher(world)
      let heartbeat =
        debug ? nil : try startHeartbeat(configuration.cluster, world, launcher: launcher)
      let device = try prepareDevice(configuration, world)
      heartbeat?.enter("loading")
      let trainer = try finishing(heartbeat) {
        try Trainer(
          configuration, communicator: world, device: device, resume: resumption,
          isLaunched: launcher != nil, stop: stop)
      }
      trainer.onProgress = heartbeat.map { heartbeat in { heartbeat.enter($0, step: $1) } }
      let outcome =
        debug
        ? try DebugRun(trainer, dumpFolder: dumpFolder, report: say).run() : try trainer.run()
      switch outcome {
      case .completed: break
      case .preempted: exitStatus = Self.preemptedStatus
      case .failed(let reason, let status):
        exitStatus = status
        if world.rank == 0 { complain(reason) }
      }
      heartbeat?.finish()
    }
    if exitStatus != 0 { throw ExitCode(exitStatus) }
  }

  /// What a launcher or a scheduler knows a run by that may be started again.
  private static let preemptedStatus: Int32 = 85

  private var resumption: Trainer.Resume {
    switch resume {
    case "never": .never
    case "latest": .latest
    default: .checkpoint(path: resume)
    }
  }
}
