import Crypto
import Foundation
import MPI
import Torch
import TorchNN

/// Ranks whose weights are not those of the others, though all have taken the same steps.
struct ReplicaMismatch: Error, Equatable, CustomStringConvertible {
  /// A rank and its machine.
  struct Member: Equatable {
    let rank: Int
    let machine: String
  }

  /// Those that differ from most of the ranks; all of them where no state is that of most.
  let members: [Member]
  let rankCount: Int
  let step: Int

  /// Finds the ranks with another hash than most have; `nil` where all have the same.
  init?(hashes: [[UInt8]], machines: [String], step: Int) {
    let most = Dictionary(grouping: hashes, by: \.self).first { $0.value.count * 2 > hashes.count }
    let members = hashes.indices.filter { hashes[$0] != most?.key }
      .map { Member(rank: $0, machine: machines[$0]) }
    guard !members.isEmpty else { return nil }
    self.members = members
    rankCount = hashes.count
    self.step = step
  }

  /// Who differs, and what to do.
  var description: String {
    let names = members.map { "rank \($0.rank) (\($0.machine))" }.joined(separator: ", ")
    let who =
      members.count < rankCount
      ? "the weights of \(names) are not those of the other ranks"
      : "the weights of \(names) are not the same, and those of no half of the ranks are"
    return "after step \(step) \(who): memory or a processor there made an error, or processors of "
      + "different kinds round differently; nothing of it is saved: go on from the newest checkpoint, "
      + "best without that machine"
  }
}

extension ReplicaMismatch: ExitStatusError {
  /// A start from the newest checkpoint may go well.
  public var exitStatus: UInt8? { 75 }
}

extension Trainer {
  /// Compares what every rank should have the same: weights, their average, the optimiser's state
  /// where it is not sharded. Collective.
  ///
  /// - Throws: `AgreedFailure` that names the ranks which differ.
  func compareReplicas() throws {
    guard communicator.size > 1 else { return }
    let replicated =
      policy.trainable + (average?.averages ?? [])
      + (configuration.optimizer.sharded ? [] : optimizer.state)
    let hash = try communicator.agreed {
      var hash = SHA256()
      for parameter in replicated {
        let tensor = try parameter.tensor.detached().to(.cpu)
        var bytes = Data(count: tensor.count * tensor.dtype.byteCount)
        try bytes.withUnsafeMutableBytes { try tensor.copy(to: $0) }
        hash.update(data: bytes)
      }
      return Array(hash.finalize())
    }
    let hashes = try communicator.allGatherV(hash)
    let machines = try communicator.machineNames()
    try communicator.agreed {
      if let mismatch = ReplicaMismatch(hashes: hashes, machines: machines, step: state.step) {
        throw mismatch
      }
    }
  }
}

extension Communicator {
  /// The name of every rank's machine. Collective.
  func machineNames() throws -> [String] {
    try allGatherV(Array(machineName.utf8)).map { String(decoding: $0, as: UTF8.self) }
  }
}
