import CTorch

extension Tensor {
  /// The elementwise sum, with broadcasting.
  public static func + (a: Tensor, b: Tensor) throws -> Tensor { try a.binary("+", b, ct_add) }
  /// The elementwise difference, with broadcasting.
  public static func - (a: Tensor, b: Tensor) throws -> Tensor { try a.binary("-", b, ct_sub) }
  /// The elementwise product, with broadcasting.
  public static func * (a: Tensor, b: Tensor) throws -> Tensor { try a.binary("*", b, ct_mul) }
  /// The elementwise quotient, with broadcasting.
  public static func / (a: Tensor, b: Tensor) throws -> Tensor { try a.binary("/", b, ct_div) }
  /// Every element plus `b`.
  public static func + (a: Tensor, b: Double) throws -> Tensor {
    try a.unary("+") { ct_add_scalar($0, b, $1) }
  }
  /// Every element times `b`.
  public static func * (a: Tensor, b: Double) throws -> Tensor {
    try a.unary("*") { ct_mul_scalar($0, b, $1) }
  }

  /// The matrix product over the last two axes, with broadcasting of the others.
  public func matmul(_ other: Tensor) throws -> Tensor { try binary("matmul", other, ct_matmul) }

  /// The square of every element.
  public func squared() throws -> Tensor { try unary("squared", ct_square) }
  /// The square root of every element.
  public func squareRoot() throws -> Tensor { try unary("squareRoot", ct_sqrt) }
  /// The magnitude of every element.
  public func absolute() throws -> Tensor { try unary("absolute", ct_abs) }
  /// e to the power of every element.
  public func exp() throws -> Tensor { try unary("exp", ct_exp) }
  /// The sine of every element, in radians.
  public func sin() throws -> Tensor { try unary("sin", ct_sin) }
  /// The cosine of every element, in radians.
  public func cos() throws -> Tensor { try unary("cos", ct_cos) }
  /// Every element limited to `range`.
  public func clamped(to range: ClosedRange<Double>) throws -> Tensor {
    try unary("clamped") { ct_clamp($0, range.lowerBound, range.upperBound, $1) }
  }

  /// The sum over `axes`, which disappear; over all axes by default.
  public func sum(axes: [Int]? = nil) throws -> Tensor {
    let axes = (axes ?? Array(shape.indices)).c
    return try unary("sum") { ct_sum($0, axes, Int32(axes.count), $1) }
  }

  /// The mean over `axes`, which disappear; over all axes by default.
  public func mean(axes: [Int]? = nil) throws -> Tensor {
    let axes = (axes ?? Array(shape.indices)).c
    return try unary("mean") { ct_mean($0, axes, Int32(axes.count), $1) }
  }

  /// The square root of the sum of squares of all elements.
  public func norm() throws -> Tensor { try unary("norm", ct_norm) }
}
