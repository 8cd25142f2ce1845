import Testing
import Torch

/// An operation and what it makes, worked out by hand.
struct TensorCase: Sendable, CustomTestStringConvertible {
  let name: String
  let shape: [Int]
  let values: [Double]
  let run: @Sendable () throws -> Tensor

  init(
    _ name: String, _ shape: [Int], _ values: [Double],
    _ run: @escaping @Sendable () throws -> Tensor
  ) {
    self.name = name
    self.shape = shape
    self.values = values
    self.run = run
  }

  var testDescription: String { name }

  /// Runs the operation and compares.
  ///
  /// - Parameter tolerance: Absolute; the cases compute in float64.
  func check(tolerance: Double = 1e-12) throws {
    let result = try run()
    #expect(result.shape == shape)
    let found = try result.values(as: Double.self)
    #expect(found.count == values.count)
    for (found, expected) in zip(found, values) {
      #expect(abs(found - expected) <= tolerance, "\(found) for \(expected)")
    }
  }
}

/// A float64 tensor, so that a case need not allow for rounding.
func tensor(_ values: [Double], _ shape: [Int]) throws -> Tensor {
  try Tensor(values, shape: shape)
}

/// A float64 vector.
func vector(_ values: Double...) throws -> Tensor {
  try Tensor(values, shape: [values.count])
}

/// A float64 vector that wants a gradient.
func leaf(_ values: [Double]) throws -> Tensor {
  let x = try Tensor(values, shape: [values.count])
  try x.setRequiresGradient(true)
  return x
}
