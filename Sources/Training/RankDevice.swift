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
/// - Parameter threadsPerRank: 0 divides the machine's cores by the ranks on it.
public func prepareDevice(
  _ kind: DeviceKind, threadsPerRank: Int, communicator: Communicator
) throws -> Device {
  let machine = try communicator.splitByMachine()
  let (localRank, localSize) = (machine.rank, machine.size)
  try machine.free()
  let cores = ProcessInfo.processInfo.activeProcessorCount
  try Runtime.setThreadCount(threadsPerRank > 0 ? threadsPerRank : max(1, cores / localSize))
  try Runtime.setDeterministic(true)
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
