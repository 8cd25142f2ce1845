import CMPI

/// An element that ranks can send and reduce: `Int32`, `Int64`, `UInt8`, `UInt64`, `Float` and
/// `Double`.
///
/// `Int` is left out, since its width depends on the machine: say `Int64`.
public protocol MPIScalar: BitwiseCopyable, Sendable, Numeric, Comparable {
  /// The matching MPI datatype.
  static var mpiDatatype: MPIDatatype { get }
}

/// An MPI datatype.
public struct MPIDatatype: Sendable {
  let code: cmpi_type
}

extension Int32: MPIScalar {
  /// `MPI_INT32_T`.
  public static var mpiDatatype: MPIDatatype { MPIDatatype(code: .int32) }
}

extension Int64: MPIScalar {
  /// `MPI_INT64_T`.
  public static var mpiDatatype: MPIDatatype { MPIDatatype(code: .int64) }
}

extension UInt8: MPIScalar {
  /// `MPI_UINT8_T`.
  public static var mpiDatatype: MPIDatatype { MPIDatatype(code: .uint8) }
}

extension UInt64: MPIScalar {
  /// `MPI_UINT64_T`.
  public static var mpiDatatype: MPIDatatype { MPIDatatype(code: .uint64) }
}

extension Float: MPIScalar {
  /// `MPI_FLOAT`.
  public static var mpiDatatype: MPIDatatype { MPIDatatype(code: .float) }
}

extension Double: MPIScalar {
  /// `MPI_DOUBLE`.
  public static var mpiDatatype: MPIDatatype { MPIDatatype(code: .double) }
}

/// How `Communicator.allReduce` joins the ranks' elements.
public enum Reduction: Sendable, CaseIterable {
  /// The sum; integers wrap around.
  case sum
  /// The least; undefined where an element is not a number.
  case min
  /// The greatest; undefined where an element is not a number.
  case max

  var code: cmpi_op {
    switch self {
    case .sum: .sum
    case .min: .min
    case .max: .max
    }
  }
}
