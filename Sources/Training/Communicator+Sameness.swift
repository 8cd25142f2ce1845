import ClusterConfiguration
import Foundation
import MPI

extension Communicator {
  /// Refuses ranks of another program or configuration than rank 0's, before anything depends on
  /// them. Collective.
  ///
  /// - Throws: `AgreedFailure` that names the machine.
  public func requireTheSameProgram(_ configuration: RunConfiguration) throws {
    let program = try agreed { try RegularFile("/proc/self/exe").sha256() }
    try requireTheSame([("program", program), ("configuration", configuration.yaml())])
  }

  /// Refuses ranks that read other things than rank 0: a stale file on one machine. Collective.
  ///
  /// - Parameter inputs: What is read, by a name for it, the same names in the same order on all ranks.
  /// - Throws: `AgreedFailure` that names the machine.
  func requireTheSame(_ inputs: [(name: String, content: String)]) throws {
    let mine = inputs.map { sha256(of: Data($0.content.utf8)) }
    let first = try broadcast(rank == 0 ? mine.joined(separator: " ") : nil).split(separator: " ")
    try agreed {
      for (input, (mine, first)) in zip(inputs, zip(mine, first)) where mine != first {
        throw TrainingError(
          "\(input.name) on \(machineName)", expected: "the same on every rank",
          found: "another than on rank 0",
          advice: "give all machines the same files, best on a shared file system")
      }
    }
  }
}
