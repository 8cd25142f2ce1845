import Testing
import Torch

@Suite struct AutogradTests {
  @Test func theGradientOfASumOfSquaresIsTwiceTheElements() throws {
    let x = try leaf([1, -2, 3])
    try x.squared().sum().backward()
    #expect(try x.gradient()?.values() == [2.0, -4, 6])
  }

  @Test func theSeedWeighsTheElementsOfTheRoot() throws {
    let x = try leaf([1, -2, 3])
    try x.squared().backward(seed: vector(1, 0, 10))
    #expect(try x.gradient()?.values() == [2.0, 0, 60])
  }

  @Test func gradientsAddUpUntilTheyAreCleared() throws {
    let x = try leaf([3])
    #expect(try x.gradient() == nil)
    for expected in [2.0, 4, 6] {
      try (x * 2).sum().backward()
      #expect(try x.gradient()?.values() == [expected])
    }
    x.clearGradient()
    #expect(try x.gradient() == nil)
  }

  @Test func aProductsGradientIsTheOtherFactor() throws {
    let (a, b) = (try leaf([2, 3]), try leaf([5, 7]))
    let constant = try vector(1, 1)
    try (a * b + constant).sum().backward()
    #expect(try a.gradient()?.values() == [5.0, 7])
    #expect(try b.gradient()?.values() == [2.0, 3])
    #expect(try constant.gradient() == nil)
  }

  @Test func aLeafThatWasExpandedCollectsTheSum() throws {
    let x = try leaf([2])
    try x.expanded([3]).backward(seed: vector(1, 10, 100))
    #expect(try x.gradient()?.values() == [111.0])
  }

  @Test func nothingFlowsThroughADetachedTensor() throws {
    let x = try leaf([2])
    #expect(try !x.detached().requiresGradient)
    try (x * x.detached()).sum().backward()
    #expect(try x.gradient()?.values() == [2.0])
  }

  @Test func operationsPassOnWhetherTheyAreRecorded() throws {
    let x = try leaf([2])
    #expect(x.requiresGradient)
    #expect(try (x * 2).requiresGradient)
    #expect(try !vector(2).squared().requiresGradient)
    try x.setRequiresGradient(false)
    #expect(try !(x * 2).requiresGradient)
  }

  @Test func changesInPlaceAreNotRecorded() throws {
    let x = try leaf([2])
    try x.assign(vector(3))
    try x.accumulate(x, scale: 1)
    try x.scaleInPlace(by: 0.5)
    try x.squared().sum().backward()
    #expect(try x.gradient()?.values() == [6.0])
  }

  @Test func withoutGradientNestsAndReturnsWhatItsBodyDoes() throws {
    let x = try leaf([2])
    func isRecorded() throws -> Bool { try (x * 2).requiresGradient }
    let inside = try withoutGradient {
      let nested = try withoutGradient(isRecorded)
      // Leaving the inner scope does not switch recording on in the outer one.
      return try [nested, isRecorded()]
    }
    #expect(inside == [false, false])
    #expect(try isRecorded())
  }

  @Test func withoutGradientEndsWithAThrow() throws {
    let x = try leaf([2])
    #expect(throws: TensorError.self) { try withoutGradient { _ = try x.reshaped([7]) } }
    #expect(try (x * 2).requiresGradient)
  }

  @Test func aTensorWithoutAGraphHasNoWayBack() throws {
    let error = #expect(throws: TensorError.self) { try vector(1, 2).sum().backward() }
    #expect(
      error?.description
        == "backward(float64 [], float64 []): element 0 of tensors does not require grad and does "
        + "not have a grad_fn")
  }

  @Test func onlyALeafCanBeToldNotToRequireAGradient() throws {
    let y = try leaf([1]) * 2
    #expect(throws: TensorError.self) { try y.setRequiresGradient(false) }
    #expect(throws: TensorError.self) {
      try Tensor([1] as [Int64], shape: [1]).setRequiresGradient(true)
    }
  }
}
