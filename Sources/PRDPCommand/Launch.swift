import ArgumentParser
import ClusterConfiguration
import Foundation
import Processes
import Supervision

struct Launch: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Starts the ranks of a run under mpirun, watches them and starts them again.",
    discussion: """
      Runs `prdp train` on the slots of cluster.hosts, or on cluster.slots of this machine. It goes \
      on from the newest checkpoint, unless the arguments after -- say otherwise. Paths are the \
      same on all hosts, which share the run folder; ranks start in this working directory.

      Each rank tells the launcher once a second what it does. A rank that is silent or stuck, a \
      lost host and any other failure are said by name, and the run starts again from its newest \
      checkpoint, cluster.restarts times in a row without a new one; a host that fails twice \
      without a new checkpoint in between is left out where others remain. Hosts that cannot be \
      reached are tried again for 15 minutes. Every start is a line in launch.jsonl in run.output.

      TERM, an interrupt or USR1 lets the run save and stop, and ends with 85; a second TERM or \
      interrupt ends it at once. Else it ends as `prdp train` does.

      EXAMPLES
        prdp launch --config cluster.yaml
        prdp launch --config cluster.yaml --print-command
        prdp launch --set run.output=runs/b -- train --resume never
        prdp launch --set 'cluster.hosts=[{name: node1, slots: 8}, {name: node2, slots: 8}]'
      """)

  @OptionGroup var source: ConfigurationOptions

  @Flag(
    name: .customLong("print-command"),
    help: "Print the mpirun command, to be pasted into a shell, and start nothing.")
  var printCommand = false

  @Argument(
    parsing: .postTerminator,
    help: ArgumentHelp("After --: train, with further arguments.", valueName: "train"))
  var command: [String] = []

  func validate() throws {
    guard command.isEmpty || command[0] == "train" else {
      throw ValidationError("only train can be launched, got \(command[0]): -- train [arguments]")
    }
    for argument in command.dropFirst() {
      switch argument.split(separator: "=").first {
      case "--config", "--set":
        throw ValidationError("\(argument) must come before --, for the launcher reads it too")
      case "--debug":
        throw ValidationError("--debug is for one rank alone: prdp train --debug")
      default: break
      }
    }
  }

  func run() throws {
    // A reader that went away must not end the launcher.
    signal(SIGPIPE, SIG_IGN)
    let status = try refusingBadInput {
      let configuration = try source.load(keeping: [.promptsForEachSlot])
      let program = try program()
      // Before a folder is made: what is in it may be refused.
      let command = try LaunchCommand(
        program, on: configuration.cluster,
        coreCount: ProcessInfo.processInfo.activeProcessorCount)
      if printCommand {
        say(command.shellText)
        return Int32(0)
      }
      let supervisor = try Supervisor(
        program, on: configuration.cluster, folder: configuration.run.output,
        environment: environmentOfMPIRun())
      do throws(SupervisionError) {
        return try supervisor.run()
      } catch {
        complain("\(error)")
        return error.exitStatus
      }
    }
    if status != 0 { throw ExitCode(status) }
  }

  /// What is started; every path in it is absolute.
  private func program() throws -> LaunchCommand.Program {
    let here = FileManager.default.currentDirectoryPath
    let environment = ProcessInfo.processInfo.environment
    guard environment["OMPI_COMM_WORLD_SIZE"] == nil else {
      throw LaunchFailure(description: "prdp launch starts mpirun itself: run it without")
    }
    let path = environment["PATH"] ?? ""
    guard let mpirun = ProcessStart.path(of: "mpirun", in: path) else {
      throw LaunchFailure(description: "PATH: expected a folder with mpirun, found none")
    }
    guard let prdp = Bundle.main.executablePath else {
      throw LaunchFailure(description: "prdp: its own path cannot be found")
    }
    return LaunchCommand.Program(
      mpirun: mpirun, prdp: prdp,
      configuration: source.config.hasPrefix("/") ? source.config : "\(here)/\(source.config)",
      overrides: source.overrides, arguments: Array(command.dropFirst()), workingFolder: here
    ).resumingByDefault
  }
}

/// Why there is nothing that could be started.
private struct LaunchFailure: Error, CustomStringConvertible {
  let description: String
}
