import Foundation
import Torch

/// A slowly following copy of parameters, smoother than the last step's.
public final class ExponentialMovingAverage {
  /// The averages, under the parameters' names.
  public let averages: [Parameter]
  private let parameters: [Parameter]
  private let decay: Double

  /// Averages that start at the present values.
  ///
  /// - Parameter decay: What is kept of the average at each update, in [0, 1).
  public init(_ parameters: [Parameter], decay: Double) throws {
    self.parameters = parameters
    self.decay = decay
    averages = try parameters.map {
      Parameter(name: $0.name, tensor: try $0.tensor.detached().clone())
    }
  }

  /// Moves the averages towards the parameters.
  ///
  /// - Parameter updateIndex: Counts the updates from 0: the first ones follow faster, since what
  ///   the average starts from is of no value.
  public func update(updateIndex: Int) throws {
    let decay = min(self.decay, Double(1 + updateIndex) / Double(10 + updateIndex))
    for (average, parameter) in zip(averages, parameters) {
      try average.tensor.scaleInPlace(by: decay)
      try average.tensor.accumulate(parameter.tensor, scale: 1 - decay)
    }
  }

  /// Runs `body` with the averages in the parameters' place.
  public func inPlace<Value>(_ body: () throws -> Value) throws -> Value {
    try swapWithParameters()
    let result = Result { try body() }
    try swapWithParameters()
    return try result.get()
  }

  /// Exchanges the averages and the parameters' own values.
  public func swapWithParameters() throws {
    for (average, parameter) in zip(averages, parameters) {
      let own = try parameter.tensor.detached().clone()
      try parameter.tensor.assign(average.tensor)
      try average.tensor.assign(own)
    }
  }
}
