import Diffusion
import Foundation
import PRDP
import StableDiffusion
import Testing
import Torch
import TorchNN

@testable import Training

@Suite struct DebugMemoryTests {
  /// In a process of its own: tensors of other tests would count too.
  @Test func thePeakOfBothPassesDoesNotGrowWithTheSamplingSteps() async {
    await #expect(processExitsWith: .success) {
      Runtime.manageCPUMemory()
      try Runtime.setThreadCount(1)
      try withScratchFolder { folder in
        let model = try DebugFixture.model(in: folder)
        // Pages of the allocator and of oneDNN that come with the first passes are not of interest.
        _ = try peakBytesOfBothPasses(model, stepCount: 2)
        let few = try peakBytesOfBothPasses(model, stepCount: 10)
        let many = try peakBytesOfBothPasses(model, stepCount: 50)
        print("peak of both passes: \(few) bytes at T = 10, \(many) at T = 50")
        // A sample's activations alone take more than this.
        #expect(few > 100_000)
        #expect(abs(Double(many) / Double(few) - 1) < 0.05)
      }
    }
  }
}

/// The most bytes that tensors take while the gradient of an epoch is computed, beyond what is held
/// before: weights and trajectories.
private func peakBytesOfBothPasses(_ model: StableDiffusionModel, stepCount: Int) throws -> Int {
  let policy = try Policy(model)
  let plan = try SamplingPlan(model.scheduler, stepCount: stepCount, eta: 1)
  let method = try PRDPConfiguration(
    beta: 1e-3, clipRange: 1, reduction: .sum, omittedLastStepCount: 0)
  let trainedSteps = try method.trainedStepIndices(of: plan)
  let sampler = RolloutSampler(
    policy: policy, isOffline: false, plan: plan, trainedSteps: trainedSteps, trajectoryCount: 4,
    promptCount: 1, guidanceScale: 3, runSeed: 1, reductionScale: 1, timer: PhaseTimer())
  let policyGradient = PolicyGradient(
    network: model.unet, emptyContext: policy.emptyContext, plan: plan,
    trainedSteps: trainedSteps, guidanceScale: 3, microBatchCount: 6, reductionScale: 1)
  let gradient = try FlatGradient(policy.trainable)
  let rollouts = try (0..<2).map { position in
    var rollout = try sampler.sample(
      [(Prompt(text: "a large green ring on a black background"), position)],
      policyIsReference: true
    )[0].rollout
    rollout.rewards = [0, 1, 2, 3]
    return rollout
  }

  let held = try Device.cpu.memoryBytes().live
  try Device.cpu.resetPeakMemory()
  for rollout in rollouts {
    let objective = try PromptObjective(
      logProbabilities: policyGradient.logProbabilities(of: rollout), old: rollout.old,
      reference: rollout.reference, rewards: rollout.rewards, configuration: method)
    _ = try policyGradient.backpropagate(objective.weights, through: rollout)
    try gradient.collect()
  }
  return try Device.cpu.memoryBytes().peak - held
}
