/// One number for each trajectory of a prompt and each time step: [B][S].
public struct StepMatrix: Sendable, Equatable {
  /// Trajectories, B.
  public let trajectoryCount: Int
  /// Time steps, S.
  public let stepCount: Int
  /// All numbers, a trajectory after the other: [B * S].
  public private(set) var values: [Double]

  /// A matrix of given numbers, a trajectory after the other: `values` is [B * S].
  public init(trajectoryCount: Int, stepCount: Int, values: [Double]) {
    precondition(values.count == trajectoryCount * stepCount, "values must be [B * S]")
    self.trajectoryCount = trajectoryCount
    self.stepCount = stepCount
    self.values = values
  }

  /// A matrix of a number computed for each trajectory and step.
  public init(
    trajectoryCount: Int, stepCount: Int, value: (_ trajectory: Int, _ step: Int) -> Double
  ) {
    self.init(
      trajectoryCount: trajectoryCount, stepCount: stepCount,
      values: (0..<trajectoryCount * stepCount).map { value($0 / stepCount, $0 % stepCount) })
  }

  /// The number of a trajectory (0..<B) at a step (0..<S).
  public subscript(trajectory: Int, step: Int) -> Double {
    get { values[trajectory * stepCount + step] }
    set { values[trajectory * stepCount + step] = newValue }
  }
}
