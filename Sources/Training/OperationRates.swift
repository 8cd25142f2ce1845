import Torch

/// What this machine makes of convolutions, products of matrices and attention: of large ones, and of
/// given ones each by itself.
struct OperationRates {
  /// Arithmetic operations a second of a product of large matrices, in the type of the largest operation.
  let product: Double
  /// Of a convolution of large images.
  let convolution: Double
  private let secondsOfOne: [Operation: Double]

  /// Measures, forward and backward as each operation is used.
  ///
  /// - Parameter computed: Operations of several parts of a program, and how often each.
  init(_ computed: [[Operation: Int]], on device: Device) throws {
    let operations = Set(computed.flatMap(\.keys))
    let dtype = operations.max { $0.arithmeticCount < $1.arithmeticCount }?.dtype ?? .float32
    let isCPU = device == .cpu
    // Large enough for a device's full rate, and some tenths of a second on a CPU.
    let (side, images) = isCPU ? (1024, 2) : (8192, 64)
    func rate(_ operation: Operation) throws -> Double {
      Double(operation.arithmeticCount) / (try Self.seconds(of: operation, on: device))
    }
    product = try rate(
      Operation(
        .product, input: [side, side], operand: [side, side], dtype: dtype))
    convolution = try rate(
      Operation(
        .convolution, input: [images, 256, 64, 64], operand: [256, 256, 3, 3], padding: 1,
        dtype: dtype))
    var seconds: [Operation: Double] = [:]
    for operation in operations { seconds[operation] = try Self.seconds(of: operation, on: device) }
    secondsOfOne = seconds
  }

  /// Seconds of operations, each by itself at its own shape.
  func seconds(_ operations: [Operation: Int]) -> Double {
    operations.reduce(0) { $0 + (secondsOfOne[$1.key] ?? 0) * Double($1.value) }
  }

  /// Seconds of operations at the rate of large ones of their kind.
  func secondsAtPeak(_ operations: [Operation: Int]) -> Double {
    operations.reduce(0) { sum, entry in
      let rate = entry.key.kind == .convolution ? convolution : product
      return sum + Double(entry.key.arithmeticCount) * Double(entry.value) / rate
    }
  }

  /// The median of some blocks, after one that prepares.
  private static func seconds(of operation: Operation, on device: Device) throws -> Double {
    func tensor(_ shape: [Int], needsGradient: Bool) throws -> Tensor {
      var values = try Tensor.randn(seed: 0, shape: shape).to(device, dtype: operation.dtype)
      if operation.kind == .convolution { values = try values.channelsLast() }
      try values.setRequiresGradient(needsGradient)
      return values
    }
    let input = try tensor(operation.inputShape, needsGradient: operation.hasInputGradient)
    let operand = try tensor(operation.operandShape, needsGradient: operation.hasOperandGradient)
    let seed = try Tensor.full(
      1, shape: operation.outputShape, dtype: operation.dtype, device: device)
    let isTrained = operation.hasInputGradient || operation.hasOperandGradient
    func block(_ count: Int) throws -> Double {
      let start = ContinuousClock.now
      for _ in 0..<count {
        if isTrained {
          try operation(input, operand).backward(seed: seed)
          input.clearGradient()
          operand.clearGradient()
        } else {
          _ = try withoutGradient { try operation(input, operand) }
        }
      }
      // Waits for a device that works on its own.
      _ = try seed.sum().item()
      return (ContinuousClock.now - start) / .seconds(1) / Double(count)
    }
    _ = try block(1)
    let count = max(1, min(1000, Int(blockSeconds / (try block(1)))))
    return try (0..<blockCount).map { _ in try block(count) }.median
  }

  private static let blockSeconds = 0.02
  private static let blockCount = 5
}
