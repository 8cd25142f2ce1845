import Diffusion
import PRDP
import StableDiffusion
import Torch
import TorchNN

/// Compares the two-pass gradient of one prompt's loss with central differences of that loss, on
/// some parameters: those with the largest gradients, and some drawn by chance.
///
/// All is computed by a float64 copy of the policy, so that the comparison is sharp. The loss is
/// only piecewise smooth: a difference that went across the edge of the clip range would be wrong.
/// So where log-ratios have moved, the clip range is put into the widest gap between them, which
/// clips about half of them, and steps stay within that gap.
struct FiniteDifferences {
  private let rollout: Rollout
  private let policyGradient: PolicyGradient
  private let parameters: [Parameter]
  private let old: StepMatrix
  private let configuration: PRDPConfiguration
  /// l_it where the gradient is taken.
  private let present: StepMatrix
  /// How far a log-probability may move, under the run's reduction.
  private let room: Double

  private static let largestCount = 2
  private static let randomCount = 2
  /// In nats: the loss bends little within it.
  private static let mostRoom = 1e-4
  private static let longestShift = 1e-4

  init(_ trainer: Trainer, _ rollout: Rollout, inner: Int) throws {
    let model = trainer.policy.model
    let store = ParameterStore(copying: model.unetParameters, dtype: .float64)
    let pass = trainer.policyGradient
    policyGradient = PolicyGradient(
      network: try UNet2DConditionModel(store.root, model.unet.configuration),
      emptyContext: pass.emptyContext, plan: pass.plan,
      trainedSteps: pass.trainedSteps, guidanceScale: pass.guidanceScale,
      microBatchCount: pass.microBatchCount, reductionScale: pass.reductionScale)
    try store.enableTraining()
    parameters = store.trainable
    self.rollout = rollout

    let present = try policyGradient.logProbabilities(of: rollout)
    self.present = present
    // At an epoch's first step the old policy is this one, in float64 too.
    old = inner == 0 ? present : rollout.old
    let moves = zip(present.values, old.values).map { abs($0 - $1) }.sorted()
    let gap = Self.widestGap(in: moves)
    configuration = try PRDPConfiguration(
      beta: trainer.method.beta,
      clipRange: inner == 0 ? trainer.method.clipRange : gap.middle,
      reduction: trainer.method.reduction,
      omittedLastStepCount: trainer.method.omittedLastStepCount)
    room = min(
      (inner == 0 ? trainer.method.clipRange : gap.width) / 4,
      Self.mostRoom * pass.reductionScale)
  }

  /// The largest error of the gradient at a parameter, beyond what rounding of the loss makes of a
  /// difference, relative to its size there or to a thousandth of the largest gradient, whichever
  /// is more.
  func largestError() throws -> Double {
    let weights = try objective(present).weights
    _ = try policyGradient.backpropagate(weights, through: rollout)
    let sum = try FlatGradient(parameters)
    try sum.collect()
    let gradient: [Double] = try sum.sum.values()
    let random = (0..<Self.randomCount).map {
      Int(
        noiseSeed(runSeed: 0, position: rollout.position, imageIndex: $0) % UInt64(gradient.count))
    }
    let indices = Self.largest(Self.largestCount, of: gradient) + random
    let floor = 1e-3 * abs(gradient[indices[0]])
    return try indices.map { index in
      let difference = try centralDifference(at: index)
      let error = abs(difference.value - gradient[index])
      // Written so that NaN is not taken for rounding.
      return error <= difference.rounding
        ? 0 : (error - difference.rounding) / max(abs(gradient[index]), floor)
    }.largest
  }

  /// The derivative of the loss by the parameter element at `index` of the flat gradient, and how
  /// much of it can be the rounding of two losses.
  private func centralDifference(at index: Int) throws -> (value: Double, rounding: Double) {
    let probe = 1e-6
    let slope = zip(try logProbabilities(at: index, shiftedBy: probe).values, present.values)
      .map { abs($0 - $1) / probe }.largest
    let shift = min(room / max(slope, .leastNormalMagnitude), Self.longestShift)
    let above = try objective(logProbabilities(at: index, shiftedBy: shift)).loss
    let below = try objective(logProbabilities(at: index, shiftedBy: -shift)).loss
    return ((above - below) / (2 * shift), 2 * max(above, below).ulp / shift)
  }

  private func objective(_ logProbabilities: StepMatrix) throws -> PromptObjective {
    try PromptObjective(
      logProbabilities: logProbabilities, old: old, reference: rollout.reference,
      rewards: rollout.rewards, configuration: configuration)
  }

  private func logProbabilities(at index: Int, shiftedBy shift: Double) throws -> StepMatrix {
    var element = index
    let tensor = parameters.first { parameter in
      let isHere = element < parameter.tensor.count
      if !isHere { element -= parameter.tensor.count }
      return isHere
    }.map(\.tensor)
    guard let tensor else { preconditionFailure("the flat gradient has as many elements") }
    let values: [Double] = try tensor.values()
    var shifted = values
    shifted[element] += shift
    try tensor.assign(Tensor(shifted, shape: tensor.shape))
    let result = try policyGradient.logProbabilities(of: rollout)
    try tensor.assign(Tensor(values, shape: tensor.shape))
    return result
  }

  /// The indices of the largest magnitudes, the largest first.
  private static func largest(_ count: Int, of values: [Double]) -> [Int] {
    // The index decides between equals.
    let order = values.indices.sorted { (-abs(values[$0]), $0) < (-abs(values[$1]), $1) }
    return Array(order.prefix(count))
  }

  /// The widest gap between neighbours in the middle half of sorted numbers.
  private static func widestGap(in sorted: [Double]) -> (middle: Double, width: Double) {
    let quarter = sorted.count / 4
    let middle = sorted[quarter..<max(quarter + 2, sorted.count - quarter)]
    let gaps = zip(middle, middle.dropFirst()).map { (middle: ($0 + $1) / 2, width: $1 - $0) }
    return gaps.max { $0.width < $1.width } ?? (middle: 0, width: 0)
  }
}
