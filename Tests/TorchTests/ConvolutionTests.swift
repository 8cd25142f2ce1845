import Testing
import Torch

/// Kernels of 3 by 3 and of 1 by 1 have loops of their own where channels are last and fill vectors.
@Suite struct ConvolutionTests {
  /// What a convolution is of: images [B, C, H, W], and E channels out.
  struct Case: Sendable {
    let shape: [Int]
    let outCount: Int
    var kernel = 3
    var bias = true
  }

  /// Whole tiles of 4 by 4, tiles that reach over the edge, more tiles than one block has, single rows
  /// and columns, channels that fill three vectors, two, one and five; pixels by themselves; and
  /// two with loops of libtorch's, for their channels and for many kernels on few pixels.
  static let cases = [
    Case(shape: [3, 24, 16, 16], outCount: 24), Case(shape: [2, 8, 5, 7], outCount: 16),
    Case(shape: [40, 16, 8, 8], outCount: 40, bias: false),
    Case(shape: [1, 40, 3, 9], outCount: 8), Case(shape: [2, 8, 1, 6], outCount: 8),
    Case(shape: [3, 16, 1, 1], outCount: 8, bias: false),
    Case(shape: [3, 24, 5, 4], outCount: 16, kernel: 1),
    Case(shape: [1, 8, 1, 1], outCount: 8, kernel: 1, bias: false),
    Case(shape: [2, 12, 8, 8], outCount: 24), Case(shape: [1, 80, 4, 4], outCount: 80),
  ]

  @Test(arguments: cases)
  func convolutionsAndGradientsAreThoseOfDoublePrecision(_ test: Case) throws {
    let (found, expected) = (try results(test, .float32), try results(test, .float64))
    #expect(found.count == expected.count)
    for (found, expected) in zip(found, expected) {
      #expect(found.shape == expected.shape)
      #expect(try relativeDifference(found, from: expected) < Self.tolerance)
    }
  }

  /// A frozen weight needs no input for its backward pass, and a frozen input no weight.
  @Test(arguments: [1, 3])
  func eitherGradientIsTheSameByItself(kernel: Int) throws {
    let test = Case(shape: [2, 16, 8, 8], outCount: 24, kernel: kernel)
    let both = try results(test, .float32)
    let input = try results(test, .float32, trains: [true, false])
    let weight = try results(test, .float32, trains: [false, true])
    #expect(try input[1].values(as: Float.self) == both[1].values())
    #expect(try weight[1].values(as: Float.self) == both[2].values())
  }

  /// What only these loops do: libtorch's give other bits in other batches, and have other roundings.
  @Test(arguments: [1, 3])
  func anImageGivesTheSameBitsInAnyBatch(kernel: Int) throws {
    let images = try Tensor.randn(seed: 1, shape: [9, 24, 8, 8]).channelsLast()
    let weight = try Tensor.randn(seed: 2, shape: [48, 24, kernel, kernel])
    func convolved(_ images: Tensor) throws -> [Float] {
      try images.conv2d(weight: weight, bias: nil, padding: kernel / 2).values()
    }
    let all = try convolved(images)
    let size = 48 * 8 * 8
    for count in 1...9 {
      let first = try convolved(images.narrowed(axis: 0, 0..<count).channelsLast())
      #expect(first == Array(all[..<(count * size)]))
    }
    if kernel == 3 {
      let values: [Float] = try images.values()
      #expect(try convolved(Tensor(values, shape: images.shape)) != all)
    }
  }

  @Test func aWeightThatChangedBeforeTheBackwardPassIsRefused() throws {
    let x = try Tensor.randn(seed: 1, shape: [1, 8, 4, 4]).channelsLast()
    let weight = try Tensor.randn(seed: 2, shape: [8, 8, 3, 3])
    try x.setRequiresGradient(true)
    let y = try x.conv2d(weight: weight, bias: nil, padding: 1)
    try weight.assign(weight.detached() * 2)
    #expect(throws: TensorError.self) { try y.sum().backward() }
  }

  /// A map to the points and back rounds a few times more than the definition: 4e-7 to 8e-7 were
  /// measured, and up to 3e-6 for the gradient of a weight, which is a sum over all pixels.
  private static let tolerance = 5e-6

  /// The output and the gradients of images, weight and bias.
  ///
  /// - Parameter trains: Whether images and weight want a gradient.
  private func results(_ test: Case, _ dtype: DType, trains: [Bool] = [true, true]) throws
    -> [Tensor]
  {
    let weightShape = [test.outCount, test.shape[1], test.kernel, test.kernel]
    let x = try Tensor.randn(seed: 1, shape: test.shape).to(dtype: dtype).channelsLast()
    let weight = try Tensor.randn(seed: 2, shape: weightShape).to(dtype: dtype)
    let bias = try Tensor.randn(seed: 3, shape: [test.outCount]).to(dtype: dtype)
    let leaves =
      zip([x, weight], trains).filter(\.1).map(\.0)
      + (test.bias && !trains.contains(false) ? [bias] : [])
    for leaf in leaves { try leaf.setRequiresGradient(true) }
    let y = try x.conv2d(
      weight: weight, bias: test.bias ? bias : nil, padding: test.kernel / 2)
    try y.backward(seed: .randn(seed: 4, shape: y.shape).to(dtype: dtype))
    return [try y.detached()] + (try leaves.map { try #require(try $0.gradient()) })
  }

  private func relativeDifference(_ found: Tensor, from expected: Tensor) throws -> Double {
    try (found.to(dtype: .float64) - expected).norm().item() / expected.norm().item()
  }
}
