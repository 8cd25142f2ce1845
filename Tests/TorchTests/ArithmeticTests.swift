import Foundation
import Testing
import Torch

@Suite struct ArithmeticTests {
  static let binary = [
    TensorCase("+", [2], [4, -3]) { try vector(1, 2) + vector(3, -5) },
    TensorCase("-", [2], [-2, 7]) { try vector(1, 2) - vector(3, -5) },
    TensorCase("*", [2], [3, -10]) { try vector(1, 2) * vector(3, -5) },
    TensorCase("/", [2], [0.25, -0.4]) { try vector(1, 2) / vector(4, -5) },
    TensorCase("+ a number", [2], [1.5, 2.5]) { try vector(1, 2) + 0.5 },
    TensorCase("* a number", [2], [-0.5, -1]) { try vector(1, 2) * -0.5 },
    TensorCase("a column + a row", [2, 3], [11, 12, 13, 21, 22, 23]) {
      try tensor([10, 20], [2, 1]) + vector(1, 2, 3)
    },
    TensorCase("matrix product", [2, 2], [19, 22, 43, 50]) {
      try tensor([1, 2, 3, 4], [2, 2]).matmul(tensor([5, 6, 7, 8], [2, 2]))
    },
    TensorCase("one matrix for a batch", [2, 1, 2], [1, 2, 3, 4]) {
      try tensor([1, 0, 0, 1], [2, 1, 2]).matmul(tensor([1, 2, 3, 4], [2, 2]))
    },
  ]

  @Test(arguments: binary)
  func operatorsBroadcast(_ operation: TensorCase) throws { try operation.check() }

  static let pointwise = [
    pointwise("squared", { try $0.squared() }) { $0 * $0 },
    pointwise("square root", { try $0.absolute().squareRoot() }) { abs($0).squareRoot() },
    pointwise("absolute", { try $0.absolute() }) { abs($0) },
    pointwise("exp", { try $0.exp() }) { Foundation.exp($0) },
    pointwise("sin", { try $0.sin() }) { Foundation.sin($0) },
    pointwise("cos", { try $0.cos() }) { Foundation.cos($0) },
    pointwise("clamped", { try $0.clamped(to: -1...2) }) { min(max($0, -1), 2) },
    pointwise("sigmoid", { try $0.sigmoid() }) { 1 / (1 + Foundation.exp(-$0)) },
    pointwise("silu", { try $0.activated(.silu) }) { $0 / (1 + Foundation.exp(-$0)) },
    pointwise("gelu", { try $0.activated(.gelu) }) { $0 * (1 + erf($0 / 2.0.squareRoot())) / 2 },
    pointwise("quick gelu", { try $0.activated(.quickGELU) }) {
      $0 / (1 + Foundation.exp(-1.702 * $0))
    },
  ]

  private static func pointwise(
    _ name: String, _ run: @escaping @Sendable (Tensor) throws -> Tensor,
    expecting function: (Double) -> Double
  ) -> TensorCase {
    let points = [-2, -0.5, 0, 3]
    return TensorCase(name, [2, 2], points.map(function)) { try run(tensor(points, [2, 2])) }
  }

  @Test(arguments: pointwise)
  func aFunctionActsOnEveryElement(_ function: TensorCase) throws { try function.check() }

  static let reductions = [
    TensorCase("sum", [], [21]) { try table().sum() },
    TensorCase("sum over rows", [3], [5, 7, 9]) { try table().sum(axes: [0]) },
    TensorCase("sum over the last axis", [2], [6, 15]) { try table().sum(axes: [-1]) },
    TensorCase("sum over two axes", [1], [21]) {
      try table().reshaped([2, 1, 3]).sum(axes: [0, 2])
    },
    TensorCase("sum of a scalar", [], [7]) { try tensor([7], []).sum() },
    TensorCase("mean", [], [3.5]) { try table().mean() },
    TensorCase("mean over rows", [3], [2.5, 3.5, 4.5]) { try table().mean(axes: [0]) },
    TensorCase("norm", [], [5]) { try tensor([3, 0, 0, -4], [2, 2]).norm() },
  ]

  @Test(arguments: reductions)
  func aReductionDropsItsAxes(_ reduction: TensorCase) throws { try reduction.check() }

  @Test func changesInPlaceKeepTheTensorAndLeaveTheOperandsAlone() throws {
    let (a, b) = (try vector(1, 2), try vector(10, 20))
    try a.accumulate(b, scale: 0.5)
    #expect(try a.values() == [6.0, 12])
    try a.accumulate(b)
    #expect(try a.values() == [16.0, 32])
    try a.scaleInPlace(by: -0.25)
    #expect(try a.values() == [-4.0, -8])
    try a.assign(b)
    #expect(try a.values() == [10.0, 20])
    try a.scaleInPlace(by: 2)
    #expect(try b.values() == [10.0, 20])
  }

  @Test(arguments: [[1, -2], [], [.greatestFiniteMagnitude, 0]] as [[Double]])
  func numbersAreFinite(values: [Double]) throws {
    #expect(try tensor(values, [values.count]).isFinite())
  }

  @Test(arguments: [[.infinity, 0], [0, -.infinity], [.nan, 0]] as [[Double]])
  func infinitiesAndNaNAreNotFinite(values: [Double]) throws {
    #expect(try !tensor(values, [values.count]).isFinite())
  }

  private static func table() throws -> Tensor { try tensor([1, 2, 3, 4, 5, 6], [2, 3]) }
}
