import CMPI
import Synchronization

/// The reductions of a type of 16 bits, which MPI lacks: made when they are first used, for the life
/// of the process.
///
/// - Source: MPI 3.1, section 5.9.5 (`MPI_Op_create`).
final class HalfOperations: Sendable {
  static let float16 = HalfOperations(.float16)
  static let bfloat16 = HalfOperations(.bfloat16)

  private let type: cmpi_type
  private let made = Mutex<[Reduction: Handle]>([:])

  /// A handle of MPI's, which any thread may use.
  private struct Handle: @unchecked Sendable {
    let operation: cmpi_operation
  }

  private init(_ type: cmpi_type) {
    self.type = type
  }

  func operation(_ reduction: Reduction) throws -> cmpi_operation {
    try made.withLock { made in
      if let handle = made[reduction] { return handle }
      var operation = cmpi_builtin(reduction.code)
      try check(cmpi_half_operation(type, reduction.code, &operation), "MPI_Op_create")
      let handle = Handle(operation: operation)
      made[reduction] = handle
      return handle
    }.operation
  }
}
