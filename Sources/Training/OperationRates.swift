import Torch

/// What this machine makes of convolutions, products of matrices and attention: of large ones, and of
/// given ones each by itself.
struct OperationRates {
  /// Operations a second of a product of large matrices, in the type that most arithmetic is in.
  let product: Double
  /// Operations a second of a convolution of large images, in that type.
  let convolution: Double
  private let peaks: [DType: (product: Double, convolution: Double)]
  private let secondsOfOne: [Operation: Double]

  /// Measures, forward and backward as each operation is used.
  ///
  /// - Parameter computed: Operations of several parts of a program, and how often each.
  init(_ computed: [[Operation: Int]], on device: Device) throws {
    var arithmetic: [DType: Double] = [:]
    for (operation, count) in computed.joined() {
      arithmetic[operation.dtype, default: 0] += Double(operation.arithmeticCount * count)
    }
    let main = arithmetic.max { $0.value < $1.value }?.key ?? .float32
    // Large enough for a device's full rate, and a tenth of a second on a CPU.
    let (side, images) = device == .cpu ? (2048, 2) : (8192, 64)
    func rate(_ operation: Operation) throws -> Double {
      Double(operation.arithmeticCount) / (try Self.seconds(of: operation, on: device))
    }
    func peak(_ dtype: DType) throws -> (product: Double, convolution: Double) {
      (
        try rate(Operation(.product, input: [side, side], operand: [side, side], dtype: dtype)),
        try rate(
          Operation(
            .convolution, input: [images, 256, 64, 64], operand: [256, 256, 3, 3], padding: 1,
            dtype: dtype))
      )
    }
    let mainPeak = try peak(main)
    (product, convolution) = mainPeak
    var peaks = [main: mainPeak]
    for dtype in arithmetic.keys where dtype != main { peaks[dtype] = try peak(dtype) }
    self.peaks = peaks
    var seconds: [Operation: Double] = [:]
    // The same order on all ranks, as far as they computed the same.
    let operations = Set(computed.flatMap(\.keys)).sorted {
      ($0.arithmeticCount, "\($0)") < ($1.arithmeticCount, "\($1)")
    }
    for operation in operations { seconds[operation] = try Self.seconds(of: operation, on: device) }
    secondsOfOne = seconds
  }

  /// Seconds of operations, each by itself at its own shape.
  func seconds(_ operations: [Operation: Int]) -> Double {
    operations.reduce(0) { $0 + (secondsOfOne[$1.key] ?? 0) * Double($1.value) }
  }

  /// Seconds of operations at the rate of large ones: of convolutions, and for products, attention
  /// and convolutions of single pixels of products.
  func secondsAtPeak(_ operations: [Operation: Int]) -> Double {
    operations.reduce(0) { sum, entry in
      guard let peak = peaks[entry.key.dtype] else { return sum }
      // One that maps each pixel by itself is a product.
      let isConvolution = entry.key.kind == .convolution && entry.key.operandShape[2] > 1
      let rate = isConvolution ? peak.convolution : peak.product
      return sum + Double(entry.key.arithmeticCount) * Double(entry.value) / rate
    }
  }

  /// Of the fastest of some blocks, after one that prepares: others had the machine's other work
  /// beside them. Images are in the order that the networks keep them in, weights as they are loaded.
  private static func seconds(of operation: Operation, on device: Device) throws -> Double {
    func images(_ tensor: Tensor) throws -> Tensor {
      operation.kind == .convolution ? try tensor.channelsLast() : tensor
    }
    func random(_ shape: [Int]) throws -> Tensor {
      try Tensor.randn(seed: 0, shape: shape).to(device, dtype: operation.dtype)
    }
    let input = try images(random(operation.inputShape))
    let operand = try random(operation.operandShape)
    try input.setRequiresGradient(operation.hasInputGradient)
    try operand.setRequiresGradient(operation.hasOperandGradient)
    let seed = try images(
      .full(1, shape: operation.outputShape, dtype: operation.dtype, device: device))
    let one = try Tensor.full(1, shape: [1], device: device)
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
      _ = try one.item()
      return (ContinuousClock.now - start) / .seconds(1) / Double(count)
    }
    _ = try block(1)
    let count = max(1, min(1000, Int(blockSeconds / max(1e-6, try block(1)))))
    return try (0..<blockCount).map { _ in try block(count) }.reduce(.infinity) { min($0, $1) }
  }

  private static let blockSeconds = 0.02
  private static let blockCount = 5
}
