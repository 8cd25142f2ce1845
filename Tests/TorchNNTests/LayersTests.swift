import TestSupport
import Testing
import Torch
import TorchNN

/// Every layer gives its parameters to the operation of its name, in the right places.
@Suite struct LayersTests {
  let store = ParameterStore(.random(seed: 1))

  @Test func aLinearLayerAppliesWeightAndBias() throws {
    let x = try Tensor.randn(seed: 2, shape: [2, 5, 3])
    let layer = try Linear(store.root / "a", in: 3, out: 4)
    let bare = try Linear(store.root / "b", in: 3, out: 4, bias: false)
    let (weight, bias) = (try tensor("a.weight"), try tensor("a.bias"))
    #expect(
      try relativeDifference(
        layer(x), from: x.matmul(weight.permuted([1, 0])) + bias) < 1e-6)
    #expect(
      try relativeDifference(
        bare(x), from: x.matmul(tensor("b.weight").permuted([1, 0]))) < 1e-6)
  }

  @Test(arguments: [
    (1, 1, nil, [6, 5]), (3, 1, nil, [6, 5]), (3, 2, nil, [3, 3]), (3, 2, 0, [2, 2]),
  ])
  func aConvolutionKeepsTheSizeUnlessToldOtherwise(
    kernel: Int, stride: Int, padding: Int?, size: [Int]
  ) throws {
    let layer = try Conv2d(
      store.root / "a", in: 2, out: 4, kernel: kernel, stride: stride, padding: padding)
    let x = try Tensor.randn(seed: 2, shape: [1, 2, 6, 5])
    let y = try layer(x)
    #expect(y.shape == [1, 4] + size)
    let expected = try x.conv2d(
      weight: tensor("a.weight"), bias: tensor("a.bias"), stride: stride,
      padding: padding ?? kernel / 2)
    #expect(try relativeDifference(y, from: expected) == 0)
  }

  @Test func aNormalisationScalesBeforeItShifts() throws {
    let group = try GroupNorm(store.root / "g", groups: 1, channels: 2, eps: 3)
    let layer = try LayerNorm(store.root / "l", width: 2, eps: 3)
    for name in ["g", "l"] {
      try tensor("\(name).weight").assign(Tensor([2, 4] as [Float], shape: [2]))
      try tensor("\(name).bias").assign(Tensor([10, 20] as [Float], shape: [2]))
    }
    // Mean 2, variance 1, epsilon 3: ±1/2 before scale and shift.
    let x = try Tensor([1, 3] as [Float], shape: [1, 2])
    #expect(try group(x).values() == [9, 22] as [Float])
    #expect(try layer(x).values() == [9, 22] as [Float])
  }

  @Test func anEmbeddingLooksUpRows() throws {
    let table = try Embedding(store.root / "t", count: 3, width: 2)
    try tensor("t.weight").assign(Tensor([1, 2, 3, 4, 5, 6] as [Float], shape: [3, 2]))
    #expect(try table(Tensor([2, 0] as [Int64], shape: [2])).values() == [5, 6, 1, 2] as [Float])
  }

  private func tensor(_ name: String) throws -> Tensor {
    try #require(store.parameters.first { $0.name == name }).tensor
  }
}
