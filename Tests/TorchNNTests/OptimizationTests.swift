import Safetensors
import TestSupport
import Testing
import Torch
import TorchNN

@Suite struct OptimizationTests {
  static let coefficients = AdamWCoefficients(
    learningRate: 0.1, beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0.01)

  // MARK: Flat gradients

  @Test func gradientsAreSummedInOneVectorAndClearedWhereTheyWere() throws {
    let parameters = try parameters()
    let gradient = try FlatGradient(parameters)
    #expect(gradient.sum.summary == "float64 [5]")

    try backward(parameters[0], [1, 2, 3, 4])
    try gradient.collect()
    // The second parameter had none: it counts as zero.
    #expect(try gradient.sum.values() == [1.0, 2, 3, 4, 0])
    #expect(try parameters[0].tensor.gradient() == nil)

    try backward(parameters[0], [10, 10, 10, 10])
    try backward(parameters[1], [6])
    try gradient.collect(scale: 0.5)
    #expect(try gradient.sum.values() == [6.0, 7, 8, 9, 3])

    try gradient.reset()
    #expect(try gradient.sum.values() == [0.0, 0, 0, 0, 0])
  }

  @Test func theSumKeepsWhatFloat32WouldLose() throws {
    let parameters = try parameters()
    let gradient = try FlatGradient(parameters)
    for value in [1, 1e-9, -1] as [Float] {
      try backward(parameters[1], [value])
      try gradient.collect()
    }
    #expect(try gradient.sum.values(as: Double.self)[4] > 0.9e-9)
  }

  @Test func theVectorIsCutIntoTheParametersShapesAndTypes() throws {
    let gradient = try FlatGradient(parameters())
    try gradient.replace(with: [1, 2, 3, 4, 5])
    let tensors = try gradient.tensors()
    #expect(tensors.map(\.summary) == ["float32 [2, 2]", "float64 [1]"])
    #expect(try tensors[0].values() == [1, 2, 3, 4] as [Float])
    #expect(try tensors[1].values() == [5.0])
  }

  @Test func clippingKeepsTheDirectionAndTellsTheNormBefore() throws {
    let gradient = try FlatGradient(parameters())
    try gradient.replace(with: [3, 0, 0, 0, -4])
    #expect(try gradient.clip(toNorm: 6) == 5)
    #expect(try gradient.sum.values() == [3.0, 0, 0, 0, -4])
    #expect(try gradient.clip(toNorm: 1) == 5)
    for (found, expected) in zip(try gradient.sum.values(as: Double.self), [0.6, 0, 0, 0, -0.8]) {
      #expect(abs(found - expected) < 1e-15)
    }
  }

  // MARK: AdamW

  @Test func theStateHasPyTorchsNamesAndStartsAtZero() throws {
    let state = try AdamW(parameters(), Self.coefficients).state
    #expect(
      state.map(\.name) == [
        "a.exp_avg", "a.exp_avg_sq", "a.step", "b.exp_avg", "b.exp_avg_sq", "b.step",
      ])
    #expect(state.map(\.tensor.shape) == [[2, 2], [2, 2], [], [1], [1], []])
    #expect(try state.allSatisfy { try $0.tensor.norm().item() == 0 })
  }

  @Test func aRestoredOptimizerTakesTheSameNextStepBitForBit() throws {
    let (parameters, restored) = (try parameters(), try parameters())
    let optimizer = try AdamW(parameters, Self.coefficients)
    for step in 0..<3 { try optimizer.step(gradients(seed: UInt64(step))) }

    try withTemporaryFolder { folder in
      let (weights, state) = (folder.appending(path: "w"), folder.appending(path: "s"))
      try parameters.write(to: weights)
      try optimizer.state.write(to: state)
      let second = try AdamW(restored, Self.coefficients)
      try restored.assign(from: SafetensorsFile(weights, access: .inMemory))
      try second.state.assign(from: SafetensorsFile(state, access: .inMemory))
      for step in 3..<5 {
        try optimizer.step(gradients(seed: UInt64(step)))
        try second.step(gradients(seed: UInt64(step)))
      }
      for (found, expected) in zip(restored + second.state, parameters + optimizer.state) {
        #expect(try found.tensor.values(as: Double.self) == expected.tensor.values())
      }
    }
  }

  @Test func theLearningRateMayChangeBetweenSteps() throws {
    let parameters = try parameters()
    let optimizer = try AdamW(parameters, Self.coefficients)
    optimizer.coefficients.learningRate = 0
    let before = try parameters[0].tensor.values(as: Float.self)
    try optimizer.step(gradients(seed: 1))
    #expect(try parameters[0].tensor.values() == before)
    optimizer.coefficients.learningRate = 0.1
    try optimizer.step(gradients(seed: 1))
    #expect(try parameters[0].tensor.values() != before)
  }

  // MARK: Schedules

  static let schedules: [(LearningRateSchedule, [Double])] = [
    (.constant(warmupSteps: 0), [1, 1, 1]),
    (.constant(warmupSteps: 3), [0.25, 0.5, 0.75, 1, 1]),
    (
      .cosine(warmupSteps: 0, totalSteps: 4),
      [1, 0.8535533905932737, 0.5, 0.1464466094067262, 0, 0]
    ),
    (.cosine(warmupSteps: 1, totalSteps: 3), [0.5, 1, 0.5, 0, 0]),
    (.cosine(warmupSteps: 2, totalSteps: 2), [1.0 / 3, 2.0 / 3, 1, 0]),
  ]

  @Test(arguments: schedules)
  func aScheduleRisesAndThenHoldsOrFalls(schedule: LearningRateSchedule, factors: [Double]) {
    for (step, expected) in factors.enumerated() {
      #expect(abs(schedule.factor(at: step) - expected) < 1e-12, "step \(step)")
    }
  }

  // MARK: Moving averages

  @Test func anAverageKeepsTheShareThatIsItsDecay() throws {
    let parameter = Parameter(name: "x", tensor: try Tensor([1.0], shape: [1]))
    let average = try ExponentialMovingAverage([parameter], decay: 0.5)
    #expect(average.averages.map(\.name) == ["x"])
    try parameter.tensor.assign(Tensor([3.0], shape: [1]))
    #expect(try average.averages[0].tensor.values() == [1.0])
    try average.update(updateIndex: 1000)
    #expect(try average.averages[0].tensor.values() == [2.0])
  }

  @Test func theFirstUpdatesFollowFaster() throws {
    let parameter = Parameter(name: "x", tensor: try Tensor([10.0], shape: [1]))
    let average = try ExponentialMovingAverage([parameter], decay: 0.5)
    try parameter.tensor.assign(Tensor([20.0], shape: [1]))
    // Decays of 1/10 and 2/11, both below a half; at update 10 it would be 11/20.
    for (index, expected) in [(0, 19.0), (1, 20 - 2.0 / 11), (10, 20 - 1.0 / 11)] {
      try average.update(updateIndex: index)
      #expect(abs(try average.averages[0].tensor.item() - expected) < 1e-12)
    }
  }

  @Test func swappingTwiceChangesNothing() throws {
    let parameter = Parameter(name: "x", tensor: try Tensor([1.0], shape: [1]))
    try parameter.tensor.setRequiresGradient(true)
    let average = try ExponentialMovingAverage([parameter], decay: 0.5)
    try average.averages[0].tensor.assign(Tensor([5.0], shape: [1]))
    #expect(!average.averages[0].tensor.requiresGradient)
    for expected in [5.0, 1] {
      try average.swapWithParameters()
      #expect(try parameter.tensor.values() == [expected])
      #expect(try average.averages[0].tensor.values() == [6 - expected])
    }
    #expect(parameter.tensor.requiresGradient)
  }

  // MARK: Support

  /// A float32 matrix and a float64 vector that want gradients.
  private func parameters() throws -> [Parameter] {
    let parameters = [
      Parameter(name: "a", tensor: try .randn(seed: 1, shape: [2, 2])),
      Parameter(name: "b", tensor: try .randn(seed: 2, shape: [1]).to(dtype: .float64)),
    ]
    for parameter in parameters { try parameter.tensor.setRequiresGradient(true) }
    return parameters
  }

  private func gradients(seed: UInt64) throws -> [Tensor] {
    [
      try .randn(seed: 10 + seed, shape: [2, 2]),
      try .randn(seed: 20 + seed, shape: [1]).to(dtype: .float64),
    ]
  }

  /// Leaves `gradient` at the parameter.
  private func backward(_ parameter: Parameter, _ gradient: [Float]) throws {
    let seed = try Tensor(gradient, shape: parameter.tensor.shape)
    try (parameter.tensor * 1).backward(seed: seed.to(dtype: parameter.tensor.dtype))
  }
}
