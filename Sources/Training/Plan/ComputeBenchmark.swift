import ClusterConfiguration
import MPI
import Planning
import Torch

/// What a configured run's computation costs on this machine: an epoch of one prompt a rank.
///
/// Under mpirun all ranks compute at once, as they do in training, and the slowest counts.
public struct ComputeBenchmark {
  /// The figures.
  public struct Report: Sendable {
    /// Of the slowest rank.
    public let seconds: ComputeSeconds
    /// What a micro-batch takes beside weights and gradients, at most.
    public let activationByteCount: Int
  }

  private let trainer: Trainer
  private let communicator: Communicator
  private let device: Device

  /// Loads the run. On the CPU `Runtime.manageCPUMemory()` was called before, as `prepareDevice` does.
  /// Collective.
  ///
  /// - Throws: `AgreedFailure` when any rank finds something wrong.
  public init(_ configuration: RunConfiguration, communicator: Communicator, device: Device) throws
  {
    var configuration = configuration
    configuration.method.promptsPerEpoch = communicator.size
    configuration.method.klLimit = nil
    configuration.cluster.timeLimit = nil
    configuration.evaluation.sets = []
    trainer = try Trainer(configuration, communicator: communicator, device: device)
    self.communicator = communicator
    self.device = device
  }

  /// Takes an epoch that makes the policy another than the reference, and measures a second one.
  /// Collective.
  public func run() throws -> Report {
    _ = try trainer.runEpoch()

    let sample = try seconds { _ = try communicator.agreed(trainer.drawRollouts) }
    let rollouts = try communicator.agreed(trainer.drawRollouts)
    let forward = try seconds {
      try communicator.agreed {
        for rollout in rollouts { _ = try trainer.policyGradient.logProbabilities(of: rollout) }
      }
    }
    _ = trainer.timer.take()
    _ = try trainer.averageGradient(rollouts, inner: 0)
    // Without the wait for the other ranks.
    let gradient = try communicator.allReduce(trainer.timer.take()[.gradient] ?? 0, by: .max)
    let update = try seconds { _ = try trainer.updateParameters() }
    let activations = try communicator.agreed { try activationByteCount(of: rollouts) }
    return Report(
      seconds: ComputeSeconds(
        samplePerPrompt: sample, gradientPerPrompt: gradient, forwardPerPrompt: forward,
        updatePerStep: update),
      activationByteCount: Int(try communicator.allReduce(Int64(activations), by: .max)))
  }

  /// The most that a micro-batch takes, without the gradient that it leaves at the parameters.
  private func activationByteCount(of rollouts: [Rollout]) throws -> Int {
    let parameters = trainer.policy.trainable
    try device.resetPeakMemory()
    let before = try device.memoryBytes().live
    for rollout in rollouts {
      var weights = rollout.old
      for trajectory in 0..<weights.trajectoryCount {
        for step in 0..<weights.stepCount { weights[trajectory, step] = 1 }
      }
      _ = try trainer.policyGradient.backpropagate(weights, through: rollout)
    }
    let peak = try device.memoryBytes().peak
    for parameter in parameters { parameter.tensor.clearGradient() }
    let gradient = parameters.reduce(0) { $0 + $1.tensor.count * $1.tensor.dtype.byteCount }
    return max(0, peak - before - gradient)
  }

  /// Seconds until `work` is done on all ranks, which begin together.
  private func seconds(of work: () throws -> Void) throws -> Double {
    try communicator.barrier()
    let start = ContinuousClock.now
    try work()
    // Waits for a device that works on its own.
    _ = try trainer.policy.trainable.last?.tensor.detached().sum().item()
    return try communicator.allReduce((ContinuousClock.now - start) / .seconds(1), by: .max)
  }
}
