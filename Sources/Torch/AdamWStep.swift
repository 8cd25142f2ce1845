import CTorch

/// The coefficients of one AdamW update.
///
/// - Source: Loshchilov and Hutter, "Decoupled Weight Decay Regularization", algorithm 2.
public struct AdamWCoefficients: Sendable {
  /// The size of the step.
  public var learningRate: Double
  /// Decay of the first moment, in [0, 1).
  public var beta1: Double
  /// Decay of the second moment, in [0, 1).
  public var beta2: Double
  /// Added to the root of the second moment.
  public var epsilon: Double
  /// Shrinks every weight by `learningRate * weightDecay` a step.
  public var weightDecay: Double

  /// Coefficients with every value given.
  public init(
    learningRate: Double, beta1: Double, beta2: Double, epsilon: Double, weightDecay: Double
  ) {
    self.learningRate = learningRate
    self.beta1 = beta1
    self.beta2 = beta2
    self.epsilon = epsilon
    self.weightDecay = weightDecay
  }
}

/// Updates `parameters`, their moments and step counters (float32 scalars) in place.
///
/// - Throws: ``TensorError`` when the lists differ in length, shape, type or device.
public func adamWStep(
  parameters: [Tensor], gradients: [Tensor], firstMoments: [Tensor], secondMoments: [Tensor],
  stepCounters: [Tensor], _ coefficients: AdamWCoefficients
) throws {
  let lists = [gradients, firstMoments, secondMoments, stepCounters]
  guard lists.allSatisfy({ $0.count == parameters.count }) else {
    throw TensorError.invalid(
      operation: "adamWStep", operands: lists.map { "\($0.count) tensors" },
      reason: "expected \(parameters.count) of each")
  }
  let options = ct_adamw_options(
    learning_rate: coefficients.learningRate, beta1: coefficients.beta1,
    beta2: coefficients.beta2, eps: coefficients.epsilon,
    weight_decay: coefficients.weightDecay)
  let status = withHandles([parameters] + lists) { handles in
    ct_adamw_step(
      handles[0], handles[1], handles[2], handles[3], handles[4], Int32(parameters.count), options)
  }
  try check(status, "adamWStep", parameters)
}
