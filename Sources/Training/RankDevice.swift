import ClusterConfiguration
import Foundation
import MPI
import Torch

/// The kinds of device that a rank may compute on.
public enum DeviceKind: String, Sendable, CaseIterable {
  /// The processor.
  case cpu
  /// An NVIDIA GPU, the one at the rank's place on its machine.
  case cuda
}

/// Why a rank has no device.
public enum DeviceError: Error, Equatable, CustomStringConvertible {
  /// libtorch found no CUDA device.
  case noCUDA

  /// What was expected, what came and what to do, in one sentence.
  public var description: String {
    "the device is cuda, but libtorch finds no CUDA device: it needs a CUDA build of libtorch "
      + "in .libtorch, a driver, and a visible device (CUDA_VISIBLE_DEVICES)"
  }
}

/// Chooses this rank's device and its number of threads, and settles how the process computes.
///
/// - Parameters:
///   - threadsPerRank: 0 divides the machine's cores by the ranks on it.
///   - dtype: In which the denoiser computes. Where it is float32, no network rounds to TF32: clip
///     ranges lie far below that. Where it is not, autoencoder and rewards may.
public func prepareDevice(
  _ kind: DeviceKind, threadsPerRank: Int, dtype: DType, communicator: Communicator
) throws -> Device {
  let machine = try communicator.splitByMachine()
  let (localRank, localSize) = (machine.rank, machine.size)
  try machine.free()
  let cores = ProcessInfo.processInfo.activeProcessorCount
  try Runtime.setThreadCount(threadsPerRank > 0 ? threadsPerRank : max(1, cores / localSize))
  try Runtime.setDeterministic(true)
  try Runtime.setAllowsTF32(dtype != .float32)
  switch kind {
  case .cpu:
    Runtime.manageCPUMemory()
    return .cpu
  case .cuda:
    let count = try communicator.agreed {
      let count = try Device.cudaCount()
      if count == 0 { throw DeviceError.noCUDA }
      return count
    }
    return .cuda(index: localRank % count)
  }
}

/// Does so as the configuration says.
public func prepareDevice(_ configuration: RunConfiguration, _ world: Communicator) throws -> Device
{
  let cluster = configuration.cluster
  return try prepareDevice(
    cluster.device == .cpu ? .cpu : .cuda, threadsPerRank: cluster.threadsPerRank,
    dtype: DType(named: configuration.model.dtype), communicator: world)
}
