import ArgumentParser
import Foundation
import MPI
import Training

struct CheckpointProve: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "prove",
    abstract: "Goes on twice from a checkpoint, and compares all bits.",
    discussion: """
      The settings are those of the run, whose relative paths start at the working directory; \
      nothing of the run is changed. Ends with 0 where weights, optimiser, images under way and the \
      numbers of every step are equal, and with 1 where anything differs.

      EXAMPLES
        prdp checkpoint prove runs/a/checkpoints/step-00000400
        mpirun -np 2 prdp checkpoint prove runs/a/checkpoints/step-00000400 --steps 10
      """)

  @Argument(help: "A checkpoint.", completion: .directory)
  var path: String

  @Option(help: "Optimiser steps to take from there, twice.")
  var steps = 2

  @Option(
    help: "A new folder, which all ranks see, for the two runs; removed where all is equal.",
    completion: .directory)
  var scratch: String?

  func validate() throws {
    guard (1...1_000_000).contains(steps) else {
      throw ValidationError("--steps is 1 at least, got \(steps)")
    }
  }

  func run() throws {
    var isProven = true
    try withRanks { world in
      let proof = try world.agreed { try CheckpointProof(path, stepCount: steps) }
      let folder = try world.agreed {
        guard world.rank == 0 else { return "" }
        let folder = scratch ?? "\(path)-proof-\(getpid())"
        try requireNothing(at: folder)
        return folder
      }
      let agreedFolder = try world.broadcast(world.rank == 0 ? folder : nil)
      let device = try prepareDevice(proof.configuration, world)
      let report = try proof.run(scratch: agreedFolder, communicator: world, device: device)
      isProven = report.differences.isEmpty
      guard world.rank == 0 else { return }
      if isProven {
        say("\(path): \(report.stepCount) steps, twice: equal bit for bit")
        try FileManager.default.removeItem(atPath: agreedFolder)
      } else {
        complain("these differ, see \(agreedFolder):")
        for difference in report.differences { say("  \(difference)") }
      }
    }
    if !isProven { throw ExitCode(1) }
  }

  private func requireNothing(at folder: String) throws {
    guard !FileManager.default.fileExists(atPath: folder) else {
      throw ValidationError("\(folder) is there already: choose another --scratch")
    }
  }
}
