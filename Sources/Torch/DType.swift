import CTorch

/// The type of a tensor's elements.
public enum DType: String, Sendable, CaseIterable {
  case uint8, int32, int64, float16, bfloat16, float32, float64, bool

  /// The size of one element in bytes.
  public var byteCount: Int {
    switch self {
    case .uint8, .bool: 1
    case .float16, .bfloat16: 2
    case .int32, .float32: 4
    case .int64, .float64: 8
    }
  }

  var c: ct_dtype {
    switch self {
    case .uint8: CT_UINT8
    case .int32: CT_INT32
    case .int64: CT_INT64
    case .float16: CT_FLOAT16
    case .bfloat16: CT_BFLOAT16
    case .float32: CT_FLOAT32
    case .float64: CT_FLOAT64
    case .bool: CT_BOOL
    }
  }

  init(_ c: ct_dtype) {
    guard let dtype = DType.allCases.first(where: { $0.c == c }) else {
      preconditionFailure("dtype \(c) of the shim has no Swift name")
    }
    self = dtype
  }
}

/// A Swift type that is stored as it is in a tensor.
public protocol TensorScalar: Sendable {
  /// The tensor type with the same bytes.
  static var dtype: DType { get }
  /// The value whose bytes are all zero.
  static var zero: Self { get }
}

extension UInt8: TensorScalar {
  /// `uint8`, the same bytes.
  public static var dtype: DType { .uint8 }
}

extension Int32: TensorScalar {
  /// `int32`, the same bytes.
  public static var dtype: DType { .int32 }
}

extension Int64: TensorScalar {
  /// `int64`, the same bytes.
  public static var dtype: DType { .int64 }
}

extension Float: TensorScalar {
  /// `float32`, the same bytes.
  public static var dtype: DType { .float32 }
}

extension Double: TensorScalar {
  /// `float64`, the same bytes.
  public static var dtype: DType { .float64 }
}
