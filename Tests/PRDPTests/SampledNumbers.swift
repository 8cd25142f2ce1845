import PRDP

/// Numbers that look random and are the same in every run (SplitMix64).
struct SampledNumbers: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// Roughly normal: mean 0, standard deviation 1.
  mutating func normal() -> Double {
    (0..<12).reduce(-6) { sum, _ in sum + Double.random(in: 0..<1, using: &self) }
  }

  mutating func matrix(_ trajectoryCount: Int, _ stepCount: Int, spread: Double) -> StepMatrix {
    StepMatrix(
      trajectoryCount: trajectoryCount, stepCount: stepCount,
      values: (0..<trajectoryCount * stepCount).map { _ in spread * normal() })
  }
}

extension StepMatrix {
  static func + (left: StepMatrix, right: StepMatrix) -> StepMatrix {
    StepMatrix(trajectoryCount: left.trajectoryCount, stepCount: left.stepCount) {
      left[$0, $1] + right[$0, $1]
    }
  }

  static func * (factor: Double, matrix: StepMatrix) -> StepMatrix {
    StepMatrix(trajectoryCount: matrix.trajectoryCount, stepCount: matrix.stepCount) {
      factor * matrix[$0, $1]
    }
  }

  /// Those trajectories, in another order.
  func reordered(_ order: [Int]) -> StepMatrix {
    StepMatrix(trajectoryCount: order.count, stepCount: stepCount) { self[order[$0], $1] }
  }
}

/// One prompt's inputs.
struct Prompt {
  var trained: StepMatrix
  var old: StepMatrix
  var reference: StepMatrix
  var rewards: [Double?]

  /// Log-ratios about as large as the reward targets at beta 1, so that both branches occur.
  init(trajectoryCount: Int, stepCount: Int, seed: UInt64) {
    var numbers = SampledNumbers(seed: seed)
    reference = numbers.matrix(trajectoryCount, stepCount, spread: 5)
    old = reference + numbers.matrix(trajectoryCount, stepCount, spread: 1)
    trained = old + numbers.matrix(trajectoryCount, stepCount, spread: 1)
    rewards = (0..<trajectoryCount).map { _ in numbers.normal() }
  }

  func objective(
    beta: Double = 1, clipRange: Double = 0.5
  ) throws -> PromptObjective {
    try PromptObjective(
      logProbabilities: trained, old: old, reference: reference, rewards: rewards,
      configuration: PRDPConfiguration(
        beta: beta, clipRange: clipRange, reduction: .sum, omittedLastStepCount: 0))
  }
}

func isClose(_ a: Double, _ b: Double, within tolerance: Double) -> Bool {
  abs(a - b) <= tolerance * max(1, abs(a), abs(b))
}
