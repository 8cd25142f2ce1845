import ClusterConfiguration
import Foundation
import MPI
import Supervision

extension Train {
  /// Where the launcher listens that started all ranks; `nil` where none did. Collective.
  func statedLauncher(_ world: Communicator) throws -> LauncherAddress? {
    let stated = ProcessInfo.processInfo.environment[LauncherAddress.variable]
      .flatMap(LauncherAddress.init)
    // A variable left over in a shell comes to the ranks of this machine alone.
    let isStatedForAll = try world.allReduce(UInt8(stated == nil ? 0 : 1), by: .min) == 1
    return isStatedForAll ? stated : nil
  }

  /// Starts the thread that tells what this rank does and ends it where it is stuck.
  ///
  /// Under plain mpirun, without a launcher that listens, rank 0 does, so that who is stuck can
  /// be told from who waits.
  func startHeartbeat(
    _ cluster: RunConfiguration.Cluster, _ world: Communicator, launcher: LauncherAddress?
  ) throws -> Heartbeat {
    Heartbeat(
      rank: world.rank, launcher: try launcher ?? monitor(cluster, world),
      limits: Heartbeat.Limits(
        stall: Double(cluster.stallLimit), orphan: 3 * Double(cluster.heartbeatLimit)))
  }

  private func monitor(
    _ cluster: RunConfiguration.Cluster, _ world: Communicator
  ) throws -> LauncherAddress? {
    guard world.size > 1 else { return nil }
    let text = try world.agreed { () throws -> String in
      guard world.rank == 0 else { return "" }
      let monitor = try HeartbeatMonitor(
        rankCount: world.size, network: cluster.network, isLocal: false,
        onStall: { complain("a rank is stuck: \($0)") })
      return "\(monitor.address)"
    }
    return LauncherAddress(try world.broadcast(text))
  }

  /// Runs `body`; a failure that all ranks share is as orderly an end as any.
  func finishing<Value>(_ heartbeat: Heartbeat?, _ body: () throws -> Value) throws -> Value {
    do {
      return try body()
    } catch let failure as AgreedFailure {
      heartbeat?.finish()
      throw failure
    }
  }
}
