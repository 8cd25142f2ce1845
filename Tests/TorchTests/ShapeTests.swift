import Testing
import Torch

@Suite struct ShapeTests {
  static let cases = [
    TensorCase("reshaped", [3, 2], [1, 2, 3, 4, 5, 6]) { try table().reshaped([3, 2]) },
    TensorCase("reshaped with a length to find", [1, 6], [1, 2, 3, 4, 5, 6]) {
      try table().reshaped([1, -1])
    },
    TensorCase("permuted", [3, 2], [1, 4, 2, 5, 3, 6]) { try table().permuted([1, 0]) },
    TensorCase("a permuted tensor reshaped", [6], [1, 4, 2, 5, 3, 6]) {
      try table().permuted([1, 0]).reshaped([-1])
    },
    TensorCase("expanded", [2, 2], [7, 7, 8, 8]) { try tensor([7, 8], [2, 1]).expanded([2, 2]) },
    TensorCase("narrowed", [2, 2], [2, 3, 5, 6]) { try table().narrowed(axis: 1, 1..<3) },
    TensorCase("narrowed to nothing", [0, 3], []) { try table().narrowed(axis: 0, 1..<1) },
    TensorCase("rows selected", [3, 3], [4, 5, 6, 1, 2, 3, 4, 5, 6]) {
      try table().selecting([1, 0, 1])
    },
    TensorCase("columns selected", [2, 2], [3, 1, 6, 4]) {
      try table().selecting([2, 0], axis: 1)
    },
    TensorCase("second of three chunks", [2, 1], [2, 5]) { try table().chunks(3, axis: 1)[1] },
    TensorCase("second of two chunks from the end", [1, 3], [4, 5, 6]) {
      try table().chunks(2, axis: -2)[1]
    },
    TensorCase("concatenated", [3, 3], [1, 2, 3, 4, 5, 6, 7, 8, 9]) {
      try .concatenated([table(), tensor([7, 8, 9], [1, 3])])
    },
    TensorCase("concatenated by columns", [2, 4], [1, 2, 3, 7, 4, 5, 6, 8]) {
      try .concatenated([table(), tensor([7, 8], [2, 1])], axis: 1)
    },
    TensorCase("padded", [2, 4], [1, 2, 0, 0, 3, 4, 0, 0]) {
      try tensor([1, 2, 3, 4], [2, 2]).padded([0, 2])
    },
    TensorCase("padded left, right, top and bottom", [3, 3], [0, 0, 0, 0, 1, 2, 0, 0, 0]) {
      try tensor([1, 2], [1, 2]).padded([1, 0, 1, 1])
    },
  ]

  @Test(arguments: cases)
  func theElementsAreWhereTheyBelong(_ operation: TensorCase) throws { try operation.check() }

  @Test func aViewSharesTheElementsAndACloneDoesNot() throws {
    let whole = try Self.table()
    let views = try [
      whole.reshaped([6]), whole.permuted([1, 0]).reshaped([3, 2]).permuted([1, 0]),
      whole.narrowed(axis: 0, 0..<2), whole.detached(),
    ]
    let clone = try whole.clone()
    try whole.scaleInPlace(by: 10)
    #expect(try views[0].values() == [10.0, 20, 30, 40, 50, 60])
    #expect(try views[2].values() == [10.0, 20, 30, 40, 50, 60])
    #expect(try views[3].values() == [10.0, 20, 30, 40, 50, 60])
    #expect(try clone.values() == [1.0, 2, 3, 4, 5, 6])
  }

  @Test func aTensorSaysWhatItIs() throws {
    let x = try Tensor.zeros(shape: [2, 0, 5], dtype: .int32)
    #expect(x.shape == [2, 0, 5])
    #expect(x.count == 0)
    #expect(x.dtype == .int32)
    #expect(x.device == .cpu)
    #expect(x.summary == "int32 [2, 0, 5]")
    #expect(try Tensor.zeros(shape: []).count == 1)
  }

  private static func table() throws -> Tensor { try tensor([1, 2, 3, 4, 5, 6], [2, 3]) }
}
