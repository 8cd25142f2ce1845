import Synchronization

/// A convolution, a product of matrices or an attention, as a layer asks for it: nearly all of a
/// network's arithmetic.
public struct Operation: Hashable, Sendable {
  /// What is computed.
  public enum Kind: Sendable {
    case convolution, product, attention
  }

  /// What is computed.
  public let kind: Kind
  /// Of a convolution's images [B, C, H, W], a product's rows [N, D], an attention's queries
  /// [B, h, S, D].
  public let inputShape: [Int]
  /// Of a convolution's weight [E, C, k, k], a product's [E, D], an attention's keys [B, h, L, D].
  public let operandShape: [Int]
  /// Pixels between a convolution's outputs; 1 for others.
  public let stride: Int
  /// Zeros around a convolution's images; 0 for others.
  public let padding: Int
  /// Whether an attention's queries see no later keys.
  public let isCausal: Bool
  /// Of all operands.
  public let dtype: DType
  /// Whether a backward pass computes the gradient of the input.
  public let hasInputGradient: Bool
  /// Whether a backward pass computes the gradient of the weight, or of keys and values.
  public let hasOperandGradient: Bool

  /// An operation with every value given.
  public init(
    _ kind: Kind, input: [Int], operand: [Int], stride: Int = 1, padding: Int = 0,
    isCausal: Bool = false, dtype: DType = .float32, hasInputGradient: Bool = false,
    hasOperandGradient: Bool = false
  ) {
    self.kind = kind
    inputShape = input
    operandShape = operand
    self.stride = stride
    self.padding = padding
    self.isCausal = isCausal
    self.dtype = dtype
    self.hasInputGradient = hasInputGradient
    self.hasOperandGradient = hasOperandGradient
  }

  /// The shape of what is computed.
  public var outputShape: [Int] {
    switch kind {
    case .convolution:
      let sides = zip(inputShape[2...], operandShape[2...]).map {
        ($0 + 2 * padding - $1) / stride + 1
      }
      return [inputShape[0], operandShape[0]] + sides
    case .product: return [inputShape[0], operandShape[0]]
    case .attention: return inputShape
    }
  }

  /// Multiplications and additions, those of the backward pass among them; of a causal attention
  /// those with later keys too, as is usual.
  public var arithmeticCount: Int {
    let forward =
      switch kind {
      case .convolution: outputShape.reduce(1, *) * operandShape[1...].reduce(1, *)
      case .product: outputShape.reduce(1, *) * operandShape[1]
      // Scores, and the values that they weigh.
      case .attention: 2 * inputShape.reduce(1, *) * operandShape[2]
      }
    let gradientCount = (hasInputGradient ? 1 : 0) + (hasOperandGradient ? 1 : 0)
    return 2 * forward * (1 + gradientCount)
  }

  /// Bytes of operands and result, each once: what the forward pass moves at least.
  public var byteCount: Int {
    let operandCount = operandShape.reduce(1, *) * (kind == .attention ? 2 : 1)
    return (inputShape.reduce(1, *) + operandCount + outputShape.reduce(1, *)) * dtype.byteCount
  }

  /// Computes it with given operands; an attention's values are its keys.
  public func callAsFunction(_ input: Tensor, _ operand: Tensor) throws -> Tensor {
    switch kind {
    case .convolution:
      try input.conv2d(weight: operand, bias: nil, stride: stride, padding: padding)
    case .product: try input.linear(weight: operand, bias: nil)
    case .attention: try input.attention(key: operand, value: operand, causal: isCausal)
    }
  }
}

/// Counts what the process computes, on all of its threads, where somebody asks for it. What gradient
/// checkpointing computes anew counts again.
public enum OperationCounter {
  private static let counts = Mutex<[Operation: Int]?>(nil)

  /// Counts from now on.
  public static func start() { counts.withLock { $0 = [:] } }

  /// What was computed since the start or the last call, and how often.
  public static func take() -> [Operation: Int] {
    counts.withLock { counts in
      defer { if counts != nil { counts = [:] } }
      return counts ?? [:]
    }
  }

  /// Counts no more.
  public static func stop() { counts.withLock { $0 = nil } }

  static func note(
    _ kind: Operation.Kind, _ input: Tensor, _ operands: Tensor..., stride: Int = 1,
    padding: Int = 0, isCausal: Bool = false
  ) {
    counts.withLock { counts in
      guard counts != nil else { return }
      let inputShape = input.shape
      let isProduct = kind == .product
      let operation = Operation(
        kind,
        input: isProduct
          ? [inputShape.dropLast().reduce(1, *), inputShape.last ?? 1] : inputShape,
        operand: operands[0].shape, stride: stride, padding: padding, isCausal: isCausal,
        dtype: input.dtype, hasInputGradient: recordsGradients && input.requiresGradient,
        hasOperandGradient: recordsGradients && operands.contains(where: \.requiresGradient))
      counts?[operation, default: 0] += 1
    }
  }
}
