import CMPI
import Foundation

/// A group of ranks that work together, seen from one of them.
///
/// Every method that says *collective* is called by all ranks of the group, in the same order and
/// with the same root, reduction and element counts; MPI does not notice when they differ. Errors
/// come as ``MPIError``. A communicator belongs to one thread at a time, and so is not `Sendable`.
public final class Communicator {
  /// The index of this rank in the group, in `0..<size`.
  public let rank: Int
  /// The number of ranks in the group.
  public let size: Int

  /// The most elements that one MPI call moves: longer vectors go in pieces.
  ///
  /// MPI counts in 32 bits, and its algorithms multiply a count by an element's size or a number of
  /// ranks, not everywhere in 64 bits: 2^26 leaves room for that and costs nothing.
  let elementsPerCall: Int

  let handle: cmpi_comm
  private var isFreed = false

  /// Wraps a communicator that `MPI_Comm_free` may be called on, or the world.
  init(_ handle: cmpi_comm, elementsPerCall: Int = 1 << 26) throws {
    // Else MPI ends the process on an error, with no word on what it was doing.
    try check(cmpi_comm_return_errors(handle), "MPI_Comm_set_errhandler")
    var rank: CInt = 0
    var size: CInt = 0
    try check(cmpi_comm_rank(handle, &rank), "MPI_Comm_rank")
    try check(cmpi_comm_size(handle, &size), "MPI_Comm_size")
    self.handle = handle
    self.rank = Int(rank)
    self.size = Int(size)
    self.elementsPerCall = elementsPerCall
  }

  /// Returns a communicator of the same ranks, whose messages never meet those of this one.
  /// Collective.
  ///
  /// - Source: MPI 3.1, section 6.4.2.
  public func duplicate() throws -> Communicator {
    try duplicate(elementsPerCall: elementsPerCall)
  }

  /// The same with another ``elementsPerCall``, so that a test sees vectors divided.
  package func duplicate(elementsPerCall: Int) throws -> Communicator {
    precondition(elementsPerCall > 0 && elementsPerCall <= 1 << 26)
    var copy = handle
    try check(cmpi_comm_dup(handle, &copy), "MPI_Comm_dup")
    return try Communicator(copy, elementsPerCall: elementsPerCall)
  }

  /// Returns the communicator of those ranks that gave the same colour. Collective.
  ///
  /// - Parameters:
  ///   - color: The part this rank goes to, in `0..<2^31`.
  ///   - key: Ranks of a part are numbered by rising key; `nil` keeps their order here.
  /// - Source: MPI 3.1, section 6.4.2.
  public func split(color: Int, key: Int? = nil) throws -> Communicator {
    precondition(color >= 0, "a colour is not negative, got \(color)")
    var part = handle
    try check(
      cmpi_comm_split(handle, CInt(color), CInt(key ?? rank), &part), "MPI_Comm_split")
    return try Communicator(part, elementsPerCall: elementsPerCall)
  }

  /// Returns the communicator of the ranks on this rank's machine: its ``rank`` is the local rank.
  /// Collective.
  ///
  /// - Source: MPI 3.1, section 6.4.2 (`MPI_COMM_TYPE_SHARED`).
  public func splitByMachine() throws -> Communicator {
    var part = handle
    try check(cmpi_comm_split_shared(handle, CInt(rank), &part), "MPI_Comm_split_type")
    return try Communicator(part, elementsPerCall: elementsPerCall)
  }

  /// Gives the communicator back; it is of no more use. Collective.
  ///
  /// There is no `deinit` to do so: on a rank that fails it would run at a moment when the others
  /// are elsewhere, and freeing may wait for them. What is not freed goes with MPI's end.
  ///
  /// - Source: MPI 3.1, section 6.4.3.
  public func free() throws {
    precondition(!isFreed, "this communicator is freed already")
    isFreed = true
    try check(cmpi_comm_free(handle), "MPI_Comm_free")
  }

  /// Waits until all ranks are here. Collective.
  ///
  /// - Source: MPI 3.1, section 5.3.
  public func barrier() throws {
    try check(cmpi_barrier(handle), "MPI_Barrier")
  }

  /// Says on standard error what went wrong on this rank, and ends all ranks of the group.
  ///
  /// - Parameter exitCode: The exit code of the run, in `1...255`: with 0, `mpirun` would report
  ///   success.
  /// - Source: MPI 3.1, section 8.7 (`MPI_Abort`).
  public func abort(because error: any Error, exitCode: Int32 = 1) -> Never {
    precondition((1...255).contains(exitCode), "a failure's exit code is in 1...255")
    writeToStandardError(
      "rank \(rank) of \(size) on \(machineName) failed, aborting all ranks: \(error)")
    _ = cmpi_abort(handle, exitCode)
    exit(exitCode)
  }

  /// ``machineName`` where mpirun started ranks on other machines too.
  var machineNameAmongSeveral: String? {
    let environment = ProcessInfo.processInfo.environment
    let isAlone =
      environment["OMPI_COMM_WORLD_LOCAL_SIZE"] == environment["OMPI_COMM_WORLD_SIZE"]
    return isAlone ? nil : machineName
  }

  /// The name of the machine that this rank runs on.
  ///
  /// - Source: MPI 3.1, section 8.1.2 (`MPI_Get_processor_name`).
  public var machineName: String {
    var name = [CChar](repeating: 0, count: cmpi_processor_name_capacity)
    var length: CInt = 0
    guard cmpi_processor_name(&name, &length) == 0 else { return "an unnamed machine" }
    return decode(name, length: length)
  }
}

extension Communicator {
  /// Calls `body` with each piece of `buffer` that one MPI call may move, in order.
  func forEachPiece<T>(
    of buffer: UnsafeMutableBufferPointer<T>,
    _ body: (_ start: UnsafeMutablePointer<T>, _ count: CInt) throws -> Void
  ) rethrows {
    guard let base = buffer.baseAddress else { return }
    for start in stride(from: 0, to: buffer.count, by: elementsPerCall) {
      try body(base + start, CInt(min(elementsPerCall, buffer.count - start)))
    }
  }

  func requireRoot(_ root: Int) {
    precondition((0..<size).contains(root), "root \(root) is none of \(size) ranks")
  }
}

/// Writes a line past every buffer, which an abort would lose.
func writeToStandardError(_ line: String) {
  // Should the stream be closed, nothing is left to tell that to.
  _ = Array((line + "\n").utf8).withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
}
