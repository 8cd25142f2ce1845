import PRDP
import Torch
import TorchNN

/// Every check that is made while a run goes on.
final class DebugInspector: StepInspector {
  let checks: CheckReport
  let dump: StepDump?

  /// The relative difference of two gradients of the same graph, summed up in different orders.
  private static let autogradLimit = 1e-4
  /// The relative error of a central difference in float64.
  private static let finiteDifferenceLimit = 1e-6

  init(_ checks: CheckReport, dump: StepDump?) {
    self.checks = checks
    self.dump = dump
  }

  func trajectoriesAreDrawn(_ trainer: Trainer, _ rollouts: [Rollout]) throws {
    let epoch = "epoch \(trainer.state.epoch + 1)"
    try checkFinite("trajectories, \(epoch)", rollouts.map(\.latents))
    try checkFinite(
      "log-probabilities, \(epoch)",
      rollouts.flatMap {
        $0.old.values + $0.reference.values + [$0.kl.trainedSteps, $0.kl.allSteps]
      })
    try checkFinite("rewards, \(epoch)", rollouts.flatMap { $0.rewards.compactMap(\.self) })

    let first = rollouts[0]
    let group = trainer.share.groups(
      of: trainer.sampler.promptCount, inEpoch: trainer.state.epoch)[0]
    let again = try trainer.draw(group)[0].rollout
    try checks.check(
      "a trajectory drawn again, \(epoch)",
      largestDifference(again.latents.values(), first.latents.values()), limit: 0)
    try checks.check(
      "its log-probabilities, \(epoch)",
      largestDifference(
        again.old.values + again.reference.values, first.old.values + first.reference.values),
      limit: 0)

    try checks.check(
      "|delta| before the first update, \(epoch)",
      rollouts.map { rollout in
        try largestDifference(
          trainer.policyGradient.logProbabilities(of: rollout).values, rollout.old.values)
      }.largest, limit: trainer.method.clipRange / 10)
  }

  func gradientIsReady(_ trainer: Trainer, _ step: InspectedStep) throws {
    let name = "step \(trainer.state.step + 1)"
    try checkFinite(
      "loss and its weights, \(name)", step.objectives.flatMap { [$0.loss] + $0.weights.values })
    try checkFinite("gradient, \(name)", [trainer.gradient.sum])

    // Of a loss that is 0 whatever the policy does, differences would tell nothing.
    let untied = step.objectives.firstIndex { $0.untiedPairCount > 0 }
    if untied == nil {
      checks.note("all rewards of a prompt are equal or missing in \(name): its gradient is 0")
    }
    let (passA, passB) = try bothPasses(trainer, step)
    try checks.check(
      "log-probabilities of both passes, \(name)", largestDifference(passA.values, passB.values),
      limit: trainer.method.clipRange / 10)
    try checks.check(
      "two-pass gradient against autograd, \(name)",
      relativeDifference(trainer.gradient.sum, from: trainer.wholeGraphGradient(of: step)),
      limit: Self.autogradLimit)
    try checks.check(
      "gradient against finite differences, \(name)",
      FiniteDifferences(trainer, step.rollouts[untied ?? 0], inner: step.inner).largestError(),
      limit: Self.finiteDifferenceLimit)
    if isLast(trainer, step) { try dump?.writeBeforeUpdate(trainer, step) }
  }

  func parametersWereUpdated(
    _ trainer: Trainer, _ step: InspectedStep, gradientNorm: Double
  ) throws {
    let name = "step \(trainer.state.step)"
    try checkFinite("parameters, \(name)", trainer.policy.trainable.map(\.tensor))
    try checkFinite("optimiser, \(name)", trainer.optimizer.state.map(\.tensor))
    if isLast(trainer, step) {
      try dump?.writeAfterUpdate(trainer, step, gradientNorm: gradientNorm)
    }
  }

  private func isLast(_ trainer: Trainer, _ step: InspectedStep) -> Bool {
    trainer.state.epoch == trainer.configuration.run.epochs - 1
      && step.inner == trainer.configuration.method.innerSteps - 1
  }

  /// The l_it of the first rollout as either pass sees them.
  private func bothPasses(_ trainer: Trainer, _ step: InspectedStep) throws
    -> (a: StepMatrix, b: StepMatrix)
  {
    let (rollout, objective) = (step.rollouts[0], step.objectives[0])
    let passA = try trainer.policyGradient.logProbabilities(of: rollout)
    let passB = try trainer.policyGradient.backpropagate(objective.weights, through: rollout)
    for parameter in trainer.policy.trainable { parameter.tensor.clearGradient() }
    return (passA, passB)
  }

  private func checkFinite(_ name: String, _ tensors: [Tensor]) throws {
    let count = try tensors.count { try !$0.isFinite() }
    try checks.check("tensors not finite among \(name)", Double(count), limit: 0)
  }

  private func checkFinite(_ name: String, _ values: [Double]) throws {
    try checks.check(
      "numbers not finite among \(name)", Double(values.count { !$0.isFinite }), limit: 0)
  }
}

/// The largest magnitude of a difference; NaN where one is NaN.
private func largestDifference(_ a: [Double], _ b: [Double]) -> Double {
  zip(a, b).map { abs($0 - $1) }.largest
}

extension [Double] {
  /// The largest element, NaN where there is one; 0 of none.
  var largest: Double { reduce(0) { $0.isNaN || $1 <= $0 ? $0 : $1 } }
}
