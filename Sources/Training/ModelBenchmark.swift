import Diffusion
import Foundation
import PRDP
import StableDiffusion
import Torch
import TorchNN

/// What a model costs on this machine: to load, and to train adapters of with a micro-batch.
public struct ModelBenchmark {
  /// What is measured.
  public struct Settings: Sendable {
    /// The type of the frozen weights.
    public var dtype = DType.float32
    /// Images in the micro-batch, 1 or more.
    public var batchCount = 1
    /// Of classifier-free guidance; 1 is none.
    public var guidance = 1.0
    /// Rank of the adapters that are trained, those of the attention.
    public var rank = 4

    /// The usual adapters, beside float32 weights.
    public init() {}
  }

  /// The figures.
  public struct Report: Encodable, Sendable {
    /// Of all networks' weights, in memory.
    public let weightByteCount: Int
    /// Until the model could be used; files that are not in the page cache take longer.
    public let loadSeconds: Double
    /// The most that the process took until all weights were read once; 0 where the system does not
    /// tell.
    public let loadedPeakByteCount: Int
    /// Of a training step that keeps activations.
    public let kept: Step
    /// Of one that computes them anew.
    public let recomputed: Step
    /// How far the two gradients are apart: the norm of the difference over the norm.
    public let gradientDifference: Double
    /// The most that the process took in all.
    public let peakByteCount: Int

    /// A forward and a backward pass and an update.
    public struct Step: Encodable, Sendable {
      /// Of the whole step.
      public let seconds: Double
      /// The most that tensors took on the device beyond the model's own: activations, gradients and
      /// what operations need for a while.
      public let tensorByteCount: Int
    }
  }

  private let model: StableDiffusionModel
  private let policy: Policy
  private let plan: SamplingPlan
  private let rollout: Rollout
  private let guidance: Double
  private let loadSeconds: Double

  /// Loads the model and prepares a rollout of one step from noise. On the CPU
  /// `Runtime.manageCPUMemory()` was called before, as `prepareDevice` does.
  ///
  /// - Throws: What loading a model throws.
  public init(_ folder: ModelFolder, _ settings: Settings, device: Device) throws {
    let start = ContinuousClock.now
    model = try StableDiffusionModel(
      folder, device: device, dtype: settings.dtype,
      lora: LoRAConfiguration(
        rank: settings.rank, alpha: Double(settings.rank),
        targets: ["to_q", "to_k", "to_v", "to_out.0"]))
    loadSeconds = (ContinuousClock.now - start) / .seconds(1)
    // Where adapters start, half of their gradient is zero.
    for (index, parameter) in model.unetParameters.trainable.enumerated() {
      let noise = try Tensor.randn(seed: UInt64(index), shape: parameter.tensor.shape)
      try parameter.tensor.accumulate(noise.to(device), scale: 0.01)
    }
    policy = try Policy(model)

    guidance = settings.guidance
    plan = try SamplingPlan(model.scheduler, stepCount: 2, eta: 1)
    let latents = [plan.steps.count + 1, settings.batchCount] + model.latentShape
    let nothing = StepMatrix(
      trajectoryCount: settings.batchCount, stepCount: 1,
      values: Array(repeating: 0, count: settings.batchCount))
    rollout = Rollout(
      position: 0, prompt: "", context: policy.emptyContext, emptyContext: policy.emptyContext,
      latents: try .randn(seed: 0, shape: latents), old: nothing, reference: nothing,
      kl: KLDivergence(trainedSteps: 0, allSteps: 0), rewards: [], components: [])
  }

  /// Takes the steps.
  public func run() throws -> Report {
    // Weights that are mapped are read when they are first used.
    for (_, store) in model.stores {
      for parameter in store.parameters { _ = try parameter.tensor.detached().sum().item() }
    }
    let loadedPeak = HostMemory.peak
    // The first pass of all prepares what later ones use again.
    let pass = pass(recomputes: false)
    _ = try withoutGradient { try pass.logProbabilities(of: rollout) }
    let (recomputed, gradient) = try step(recomputes: true)
    let (kept, expected) = try step(recomputes: false)
    return Report(
      weightByteCount: model.weightByteCount, loadSeconds: loadSeconds,
      loadedPeakByteCount: loadedPeak, kept: kept, recomputed: recomputed,
      gradientDifference: try relativeDifference(gradient, from: expected),
      peakByteCount: HostMemory.peak)
  }

  private func pass(recomputes: Bool) -> PolicyGradient {
    var network = model.unet
    network.recomputesActivations = recomputes
    return PolicyGradient(
      network: network, emptyContext: policy.emptyContext, plan: plan, trainedSteps: [0],
      guidanceScale: guidance, microBatchCount: rollout.old.trajectoryCount, reductionScale: 1)
  }

  /// Takes a step that leaves the weights as they are: its learning rate is 0.
  private func step(recomputes: Bool) throws -> (Report.Step, gradient: Tensor) {
    let pass = pass(recomputes: recomputes)
    let weights = StepMatrix(
      trajectoryCount: rollout.old.trajectoryCount, stepCount: 1, value: { _, _ in 1 })
    let optimizer = try AdamW(
      policy.trainable,
      AdamWCoefficients(learningRate: 0, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0))

    try model.device.resetPeakMemory()
    let before = try model.device.memoryBytes().live
    let start = ContinuousClock.now
    let sum = try FlatGradient(policy.trainable)
    _ = try pass.backpropagate(weights, through: rollout)
    try sum.collect()
    try optimizer.step(sum.tensors())
    // Waits for a device that works on its own.
    _ = try policy.trainable.last?.tensor.sum().item()
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    return (
      Report.Step(
        seconds: seconds, tensorByteCount: try model.device.memoryBytes().peak - before),
      sum.sum
    )
  }
}
