import Testing
import Torch

@Suite struct CreationTests {
  @Test func valuesComeBackInTheTypeTheyHave() throws {
    #expect(try Tensor([1, 255] as [UInt8], shape: [2]).values() == [1, 255] as [UInt8])
    #expect(try Tensor([-7, .max] as [Int32], shape: [2]).values() == [-7, .max] as [Int32])
    #expect(try Tensor([-7, .max] as [Int64], shape: [2]).values() == [-7, .max] as [Int64])
    #expect(try Tensor([0.1, -7] as [Float], shape: [2]).values() == [0.1, -7] as [Float])
    #expect(try Tensor([0.1, -7] as [Double], shape: [2]).values() == [0.1, -7] as [Double])
    #expect(try Tensor([] as [Float], shape: [0, 3]).values() == [] as [Float])
  }

  @Test(arguments: DType.allCases)
  func everyTypeTakesItsBytesAndConverts(dtype: DType) throws {
    let ones = try Tensor.full(1, shape: [3], dtype: dtype)
    #expect(ones.dtype == dtype)
    #expect(try ones.values() == [1, 1, 1] as [Float])
    #expect(try Tensor([1, 1, 1] as [Float], shape: [3]).to(dtype: dtype).dtype == dtype)

    var bytes = [UInt8](repeating: 0xff, count: 3 * dtype.byteCount)
    try bytes.withUnsafeMutableBytes { try ones.copy(to: $0) }
    let copy = try bytes.withUnsafeBytes { try Tensor(bytes: $0, dtype: dtype, shape: [3]) }
    #expect(copy.dtype == dtype)
    #expect(try copy.values() == [1, 1, 1] as [Float])
  }

  @Test(arguments: [(DType.float16, 0.0999755859375), (.bfloat16, 0.10009765625)])
  func aNarrowTypeRounds(dtype: DType, expected: Double) throws {
    #expect(try Tensor([0.1], shape: []).to(dtype: dtype).item() == expected)
  }

  @Test func aTensorThatNeedsNoChangeIsReturnedItself() throws {
    let x = try Tensor([1.0], shape: [1])
    #expect(try x.to(.cpu, dtype: .float64) === x)
    #expect(try x.to() === x)
    #expect(try x.to(dtype: .float32) !== x)
  }

  @Test func zerosAndFullHaveTheShapeTypeAndValueAskedFor() throws {
    #expect(try Tensor.zeros(shape: [2, 2]).values() == [0, 0, 0, 0] as [Float])
    #expect(try Tensor.zeros(shape: []).dtype == .float32)
    #expect(try Tensor.full(-2.5, shape: [1, 2], dtype: .float64).values() == [-2.5, -2.5])
    #expect(try Tensor.full(3, shape: [], dtype: .int64).item() == 3)
  }

  // PyTorch 2.13.0: torch.randn(shape, generator=torch.Generator().manual_seed(7)). Up to 15
  // elements are drawn one by one, more in blocks, which gives other values.
  @Test func normalValuesAreThoseOfPyTorch() throws {
    let few = try Tensor.randn(seed: 7, shape: [3]).values(as: Float.self)
    let many = try Tensor.randn(seed: 7, shape: [2, 16]).values(as: Float.self)
    let expected: [Float] = [
      -0.1467950940132141, 0.7861412763595581, 0.9468216300010681,
      -0.8201345205307007, 0.39563116431236267, 0.8989084959030151, -1.3597689867019653,
    ]
    for (found, expected) in zip(few + many[..<3] + many[31...], expected) {
      // The vector and the scalar logarithm may differ in the last bit.
      #expect(abs(found - expected) < 1e-6)
    }
  }

  @Test func uniformValuesAreThoseOfPyTorch() throws {
    #expect(
      try Tensor.rand(seed: 7, shape: [3]).values()
        == [0.5349225401878357, 0.19880318641662598, 0.6592116951942444] as [Float])
  }

  @Test func randomValuesAreAFunctionOfTheSeedAlone() throws {
    for draw in [Tensor.randn(seed:shape:), Tensor.rand(seed:shape:)] {
      let first = try draw(11, [40]).values(as: Float.self)
      #expect(try draw(12, [40]).values(as: Float.self) != first)
      #expect(try draw(11, [40]).values(as: Float.self) == first)
      #expect(try draw(11, [5, 8]).values(as: Float.self) == first)
    }
  }

  @Test func randomValuesHaveTheirDistributionsMoments() throws {
    // 10^5 values: a mean's standard error is 0.003 for normal ones, 0.001 for uniform ones.
    let normal = try Tensor.randn(seed: 5, shape: [100_000]).to(dtype: .float64)
    #expect(abs(try normal.mean().item()) < 0.015)
    #expect(abs(try normal.squared().mean().item() - 1) < 0.025)
    let uniform = try Tensor.rand(seed: 5, shape: [100_000]).to(dtype: .float64)
    #expect(abs(try uniform.mean().item() - 0.5) < 0.005)
    #expect(try uniform.values(as: Double.self).allSatisfy { (0..<1).contains($0) })
  }
}
