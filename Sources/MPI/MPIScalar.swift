import CMPI

/// An element that ranks can send and reduce: `Int32`, `Int64`, `UInt8`, `UInt64`, `Float`,
/// `Double`, `Float16` and ``BFloat16``.
///
/// `Int` is left out, since its width depends on the machine: say `Int64`.
public protocol MPIScalar: BitwiseCopyable, Sendable, Equatable {
  /// The matching MPI datatype.
  static var mpiDatatype: MPIDatatype { get }

  /// As ``Reduction/sum`` adds two elements: integers wrap around, 16-bit numbers are rounded.
  static func sum(_ one: Self, _ other: Self) -> Self
}

extension MPIScalar where Self: FixedWidthInteger {
  /// The sum, wrapped around.
  public static func sum(_ one: Self, _ other: Self) -> Self { one &+ other }
}

extension MPIScalar where Self: FloatingPoint {
  /// The sum, rounded.
  public static func sum(_ one: Self, _ other: Self) -> Self { one + other }
}

/// An MPI datatype, and how its elements are reduced.
public struct MPIDatatype: Sendable {
  let code: cmpi_type
  private let ownOperations: HalfOperations?

  fileprivate init(code: cmpi_type, _ ownOperations: HalfOperations? = nil) {
    self.code = code
    self.ownOperations = ownOperations
  }

  func operation(_ reduction: Reduction) throws -> cmpi_operation {
    try ownOperations?.operation(reduction) ?? cmpi_builtin(reduction.code)
  }
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
  /// The sum; integers wrap around, and 16-bit numbers are rounded after each addition.
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

extension Float16: MPIScalar {
  /// 16 bits that operations of our own reduce.
  public static var mpiDatatype: MPIDatatype { MPIDatatype(code: .float16, .float16) }
}

/// A number with the sign and exponent of a `Float` and 8 significant bits.
public struct BFloat16: MPIScalar, CustomStringConvertible {
  /// Its bits: the upper half of those of the same `Float`.
  public var bitPattern: UInt16

  /// The number with these bits.
  public init(bitPattern: UInt16) {
    self.bitPattern = bitPattern
  }

  /// The nearest number, of two equally near ones the even one.
  public init(_ value: Float) {
    bitPattern = cmpi_to_bfloat16(value)
  }

  /// The same number.
  public var float: Float { cmpi_from_bfloat16(bitPattern) }

  /// The sum of the same `Float`s, rounded.
  public static func sum(_ one: Self, _ other: Self) -> Self { Self(one.float + other.float) }

  /// As of a `Float`.
  public var description: String { float.description }

  /// 16 bits that operations of our own reduce.
  public static var mpiDatatype: MPIDatatype { MPIDatatype(code: .bfloat16, .bfloat16) }
}
