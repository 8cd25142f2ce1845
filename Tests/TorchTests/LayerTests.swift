import Foundation
import Testing
import Torch

@Suite struct LayerTests {
  static let cases = [
    TensorCase("linear with a bias", [1, 3], [11, 22, 33]) {
      try tensor([1, 2], [1, 2])
        .linear(weight: tensor([1, 0, 0, 1, 1, 1], [3, 2]), bias: vector(10, 20, 30))
    },
    TensorCase("linear without a bias", [3], [1, 2, 3]) {
      try vector(1, 2).linear(weight: tensor([1, 0, 0, 1, 1, 1], [3, 2]), bias: nil)
    },
    // 1 + 10 * 3 * 5, and so on.
    TensorCase("a weight with an adapter", [1, 2], [151, 212]) {
      try tensor([1, 2], [1, 2]).adding(
        tensor([3], [1, 1]), times: tensor([5, 7], [1, 2]), scale: 10)
    },
    // 1*1 + 2*2 + 4*3 + 5*4 = 37, and so on: the kernel is not turned round.
    TensorCase("convolution", [1, 1, 2, 2], [38, 48, 68, 78]) {
      try image().conv2d(weight: kernel(), bias: vector(1))
    },
    TensorCase("convolution with stride and padding", [1, 1, 2, 2], [4, 18, 36, 77]) {
      try image().conv2d(weight: kernel(), bias: nil, stride: 2, padding: 1)
    },
    // Two groups of two channels: (1, 3) and (10, 20) both become (-1, 1).
    TensorCase("group normalisation", [1, 4, 1, 1], [-1, 12, -3, 14]) {
      try tensor([1, 3, 10, 20], [1, 4, 1, 1])
        .groupNorm(groupCount: 2, weight: vector(1, 2, 3, 4), bias: vector(0, 10, 0, 10), eps: 0)
    },
    // Variance 1 and epsilon 3: deviations of 1 are divided by 2.
    TensorCase("epsilon in group normalisation", [1, 2], [-0.5, 0.5]) {
      try tensor([1, 3], [1, 2])
        .groupNorm(groupCount: 1, weight: vector(1, 1), bias: vector(0, 0), eps: 3)
    },
    TensorCase("layer normalisation", [2, 2], [-1, 12, -1, 12]) {
      try tensor([1, 3, 10, 20], [2, 2])
        .layerNorm(weight: vector(1, 2), bias: vector(0, 10), eps: 0)
    },
    TensorCase("epsilon in layer normalisation", [2], [-0.5, 0.5]) {
      try vector(1, 3).layerNorm(weight: vector(1, 1), bias: vector(0, 0), eps: 3)
    },
    TensorCase("embedding", [1, 2, 2], [5, 6, 1, 2]) {
      try tensor([1, 2, 3, 4, 5, 6], [3, 2]).embedding(Tensor([2, 0] as [Int64], shape: [1, 2]))
    },
    // Scores 0 and 2 ln 3 / sqrt(4): weights 1/4 and 3/4.
    TensorCase("attention", [1, 1, 1, 4], [3, 6, 0, 0]) {
      try tensor([2, 0, 0, 0], [1, 1, 1, 4]).attention(key: keys(), value: values())
    },
    TensorCase("causal attention", [1, 1, 2, 4], [0, 0, 0, 0, 3, 6, 0, 0]) {
      try tensor([2, 0, 0, 0, 2, 0, 0, 0], [1, 1, 2, 4])
        .attention(key: keys(), value: values(), causal: true)
    },
    TensorCase("upsampling", [1, 1, 2, 4], [1, 1, 2, 2, 1, 1, 2, 2]) {
      try tensor([1, 2], [1, 1, 1, 2]).upsampledNearest2x()
    },
    // Keys' cubic at 1, 1, 3 and 5 quarters of a pixel: .8671875 twice, .2265625, -.0703125.
    TensorCase("bicubic interpolation", [1, 1, 1, 2], [50.0 / 11, 16_650.0 / 121]) {
      try tensor([0, 0, 100, 200], [1, 1, 1, 4]).resizedBicubic(height: 1, width: 2)
    },
  ]

  @Test(arguments: cases)
  func aLayerComputesWhatItsNameSays(_ layer: TensorCase) throws { try layer.check() }

  @Test func attentionDoesNotDependOnTheOrderOfItsContext() throws {
    let query = try Tensor.randn(seed: 1, shape: [2, 3, 5, 4])
    let (key, value) = (
      try Tensor.randn(seed: 2, shape: [2, 3, 7, 4]),
      try Tensor.randn(seed: 3, shape: [2, 3, 7, 4])
    )
    let order = [6, 2, 0, 5, 1, 4, 3]
    let straight = try query.attention(key: key, value: value)
    let shuffled = try query.attention(
      key: key.selecting(order, axis: 2), value: value.selecting(order, axis: 2))
    // A few roundings of float32 sums in another order.
    #expect(try (straight - shuffled).values(as: Float.self).allSatisfy { abs($0) < 1e-6 })
  }

  /// Heads of 4, 8, 12 or 16 features have loops of their own; the last shape does not.
  @Test(arguments: [
    (queries: [2, 4, 64, 12], keys: 64), ([3, 2, 7, 12], 24), ([1, 1, 1, 4], 1),
    ([2, 3, 5, 8], 33),
    ([1, 2, 9, 16], 40), ([1, 2, 6, 10], 5),
  ])
  func attentionAndItsGradientsAreThoseOfTheSameInDoublePrecision(
    queries: [Int], keys: Int
  ) throws {
    /// The output and the gradients of queries, keys and values, whose heads lie side by side.
    func results(_ dtype: DType) throws -> [Tensor] {
      let places = [0, 2, 1, 3]
      let leaves = try [queries[2], keys, keys].enumerated().map { index, length in
        let shape = [queries[0], length, queries[1], queries[3]]
        let leaf = try (Tensor.randn(seed: UInt64(index), shape: shape) * 3).to(dtype: dtype)
        try leaf.setRequiresGradient(true)
        return leaf
      }
      let output = try leaves[0].permuted(places).attention(
        key: leaves[1].permuted(places), value: leaves[2].permuted(places))
      try output.backward(seed: .randn(seed: 4, shape: queries).to(dtype: dtype))
      return [try output.detached()] + (try leaves.map { try #require(try $0.gradient()) })
    }
    for (found, expected) in zip(try results(.float32), try results(.float64)) {
      let difference = try (found.to(dtype: .float64) - expected).norm().item()
      #expect(try difference <= 5e-6 * expected.norm().item())
    }
  }

  @Test func aNormalisedGroupHasMeanZeroAndDeviationOne() throws {
    let x = try Tensor.randn(seed: 4, shape: [2, 6, 5, 5]) * 3 + 7
    let y = try x.groupNorm(
      groupCount: 3, weight: .full(1, shape: [6]), bias: .zeros(shape: [6]), eps: 0)
    let groups = try y.to(dtype: .float64).reshaped([6, 50])
    let means: [Double] = try groups.mean(axes: [1]).values()
    let squares: [Double] = try groups.squared().mean(axes: [1]).values()
    #expect(means.allSatisfy { abs($0) < 1e-6 })
    #expect(squares.allSatisfy { abs($0 - 1) < 1e-5 })
  }

  /// Where channels are last, normalisation has loops of its own, which stand a mean far from zero;
  /// the last shape does not fill them.
  @Test(
    arguments: zip(
      [[3, 24, 16, 16], [2, 8, 4, 4], [1, 72, 4, 4], [2, 320, 8, 8], [2, 40, 3, 5]],
      [300, 300, 300, 300, 3.0]))
  func groupNormalisationDoesNotDependOnTheOrderInMemory(shape: [Int], mean: Double) throws {
    /// The output and the gradients of the input, the weight and the bias.
    func results(_ dtype: DType, _ arranged: (Tensor) throws -> Tensor, silu: Bool) throws
      -> [Tensor]
    {
      let x = try arranged((.randn(seed: 1, shape: shape) + mean).to(dtype: dtype))
      let weight = try Tensor.randn(seed: 2, shape: [shape[1]]).to(dtype: dtype)
      let bias = try Tensor.randn(seed: 3, shape: [shape[1]]).to(dtype: dtype)
      for leaf in [x, weight, bias] { try leaf.setRequiresGradient(true) }
      let y = try x.groupNorm(groupCount: 8, weight: weight, bias: bias, eps: 1e-5, silu: silu)
      try y.backward(seed: arranged(.randn(seed: 4, shape: shape).to(dtype: dtype)))
      return [try y.detached()] + (try [x, weight, bias].map { try #require(try $0.gradient()) })
    }
    for silu in [false, true] {
      let expected = try results(.float64, { $0 }, silu: silu)
      let found = try results(.float32, { try $0.channelsLast() }, silu: silu)
      for (index, (found, expected)) in zip(found, expected).enumerated() {
        let difference = try (found.to(dtype: .float64) - expected).norm().item()
        // What rounding 300 leaves of the input's digits.
        #expect(try difference < 3e-5 * expected.norm().item(), "\(index), SiLU: \(silu)")
      }
    }
  }

  /// The last is narrower than a vector and takes libtorch's operations.
  @Test(arguments: [[3, 5, 64], [130, 32], [2, 2, 8]])
  func aGatedLayerIsItsValuesTimesTheNonlinearityOfItsGates(shape: [Int]) throws {
    func results(_ dtype: DType, _ gated: (Tensor) throws -> Tensor) throws -> [Tensor] {
      let x = try (Tensor.randn(seed: 1, shape: shape) * 3).to(dtype: dtype)
      try x.setRequiresGradient(true)
      let y = try gated(x)
      try y.backward(seed: .randn(seed: 2, shape: y.shape).to(dtype: dtype))
      return try [y.detached(), #require(try x.gradient())].map { try $0.to(dtype: .float64) }
    }
    let expected = try results(.float64) {
      let halves = try $0.chunks(2, axis: -1)
      return try halves[0] * halves[1].activated(.gelu)
    }
    let found = try results(.float32) { try $0.gatedGELU() }
    for (expected, found) in zip(expected, found) {
      #expect(found.shape == expected.shape)
      // libtorch's own approximation of erf is right to 1.5e-7; values reach 10 here.
      let difference = try (found - expected).absolute()
      #expect(try #require(difference.values(as: Double.self).max()) < 3e-6)
    }
  }

  @Test func anAdapterAndItsWeightHaveTheGradientsOfTheirProductAndSum() throws {
    func results(_ sum: (_ weight: Tensor, _ b: Tensor, _ a: Tensor) throws -> Tensor) throws
      -> [[Double]]
    {
      let leaves = try [[4, 3, 3, 3], [4, 2, 1, 1], [2, 3, 3, 3]].enumerated().map { index, shape in
        let leaf = try Tensor.randn(seed: UInt64(index), shape: shape).to(dtype: .float64)
        try leaf.setRequiresGradient(true)
        return leaf
      }
      let y = try sum(leaves[0], leaves[1], leaves[2])
      try y.backward(seed: .randn(seed: 3, shape: y.shape).to(dtype: .float64))
      return try [y.values()] + leaves.map { try #require(try $0.gradient()).values() }
    }
    let found = try results { try $0.adding($1, times: $2, scale: 0.3) }
    let expected = try results { weight, b, a in
      try weight + b.reshaped([4, 2]).matmul(a.reshaped([2, 27])).reshaped([4, 3, 3, 3]) * 0.3
    }
    for (found, expected) in zip(found, expected) {
      #expect(found.count == expected.count)
      #expect(zip(found, expected).allSatisfy { abs($0 - $1) < 1e-12 })
    }
  }

  /// Few features have loops of their own; the last shape has libtorch's. Rows and gradients lie in
  /// wider ones.
  @Test(arguments: [(rows: [3, 50], features: [48, 24]), ([7], [8, 40]), ([2, 3], [12, 8])])
  func linearLayersAndGradientsAreThoseOfDoublePrecision(rows: [Int], features: [Int]) throws {
    func results(_ dtype: DType, bias: Bool) throws -> [Tensor] {
      let shapes = [rows + [2 * features[0]], [features[1], features[0]], [features[1]]]
      let leaves = try shapes.enumerated().map { index, shape in
        let leaf = try Tensor.randn(seed: UInt64(index), shape: shape).to(dtype: dtype)
        try leaf.setRequiresGradient(true)
        return leaf
      }
      let half = try leaves[0].chunks(2, axis: -1)[1]
      let y = try half.linear(weight: leaves[1], bias: bias ? leaves[2] : nil)
      let seed = try Tensor.randn(seed: 3, shape: rows + [2 * features[1]]).to(dtype: dtype)
      try y.backward(seed: seed.chunks(2, axis: -1)[1])
      return [try y.detached()]
        + (try leaves[..<(bias ? 3 : 2)].map { try #require(try $0.gradient()) })
    }
    for bias in [false, true] {
      let (found, expected) = (
        try results(.float32, bias: bias), try results(.float64, bias: bias)
      )
      for (found, expected) in zip(found, expected) {
        #expect(found.shape == expected.shape)
        let difference = try (found.to(dtype: .float64) - expected).norm().item()
        #expect(try difference <= 1e-6 * expected.norm().item())
      }
    }
  }

  @Test func pixelsAndImagesAreEachOthersInverse() throws {
    let image = try Tensor.randn(seed: 1, shape: [2, 3, 4, 5])
    let pixels = try image.pixels()
    #expect(pixels.shape == [2, 20, 3])
    #expect(
      try pixels.narrowed(axis: 1, 7..<8).values(as: Float.self)
        == image.narrowed(axis: 2, 1..<2).narrowed(axis: 3, 2..<3).values())
    #expect(try pixels.image(image.shape).values(as: Float.self) == image.values())
  }

  private static func image() throws -> Tensor {
    try tensor([1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 1, 3, 3])
  }
  private static func kernel() throws -> Tensor { try tensor([1, 2, 3, 4], [1, 1, 2, 2]) }
  private static func keys() throws -> Tensor {
    try tensor([0, 0, 0, 0, log(3), 0, 0, 0], [1, 1, 2, 4])
  }
  private static func values() throws -> Tensor {
    try tensor([0, 0, 0, 0, 4, 8, 0, 0], [1, 1, 2, 4])
  }
}
