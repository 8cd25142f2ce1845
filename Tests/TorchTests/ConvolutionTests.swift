import Testing
import Torch

/// Kernels of 3 by 3 have loops of their own where channels are last and fill vectors.
@Suite struct ConvolutionTests {
  /// What a convolution is of: images [B, C, H, W], and E channels out.
  struct Case: Sendable {
    let shape: [Int]
    let outCount: Int
    var bias = true
  }

  /// Whole tiles of 4 by 4, tiles that reach over the edge, more tiles than one block has, and
  /// channels that fill three vectors, two, one and five. The last has loops of libtorch's.
  @Test(arguments: [
    Case(shape: [3, 24, 16, 16], outCount: 24), Case(shape: [2, 8, 5, 7], outCount: 16),
    Case(shape: [40, 16, 8, 8], outCount: 40, bias: false),
    Case(shape: [1, 40, 3, 9], outCount: 8),
    Case(shape: [2, 12, 8, 8], outCount: 24),
  ])
  func convolutionsAndGradientsAreThoseOfDoublePrecision(_ test: Case) throws {
    let (found, expected) = (try results(test, .float32), try results(test, .float64))
    #expect(found.count == expected.count)
    for (found, expected) in zip(found, expected) {
      #expect(found.shape == expected.shape)
      let difference = try (found.to(dtype: .float64) - expected).norm().item()
      #expect(try difference <= 5e-6 * expected.norm().item())
    }
  }

  @Test func anImageGivesTheSameBitsInAnyBatch() throws {
    let images = try Tensor.randn(seed: 1, shape: [7, 24, 8, 8]).channelsLast()
    let weight = try Tensor.randn(seed: 2, shape: [48, 24, 3, 3])
    func convolved(_ range: Range<Int>) throws -> [Float] {
      try images.narrowed(axis: 0, range).channelsLast()
        .conv2d(weight: weight, bias: nil, padding: 1).values()
    }
    let size = 48 * 8 * 8
    #expect(try convolved(5..<6) == Array(convolved(0..<7)[5 * size..<6 * size]))
  }

  /// The output and the gradients of images, weight and bias.
  private func results(_ test: Case, _ dtype: DType) throws -> [Tensor] {
    let weightShape = [test.outCount, test.shape[1], 3, 3]
    let x = try Tensor.randn(seed: 1, shape: test.shape).to(dtype: dtype).channelsLast()
    let weight = try Tensor.randn(seed: 2, shape: weightShape).to(dtype: dtype)
    let bias = try Tensor.randn(seed: 3, shape: [test.outCount]).to(dtype: dtype)
    let leaves = [x, weight] + (test.bias ? [bias] : [])
    for leaf in leaves { try leaf.setRequiresGradient(true) }
    let y = try x.conv2d(weight: weight, bias: test.bias ? bias : nil, padding: 1)
    try y.backward(seed: .randn(seed: 4, shape: y.shape).to(dtype: dtype))
    return [try y.detached()] + (try leaves.map { try #require(try $0.gradient()) })
  }
}
