import ClusterConfiguration
import MPI
import StableDiffusion
import Torch

/// What each phase of a configured run's epoch costs on this machine, and what its arithmetic alone
/// would.
///
/// Under mpirun all ranks compute at once, as they do in training, and the slowest counts.
public struct PhaseBenchmark {
  private let trainer: Trainer
  private let communicator: Communicator
  private let device: Device
  private let modelName: String

  /// Loads the run. On the CPU `Runtime.manageCPUMemory()` was called before, as `prepareDevice` does.
  /// Collective.
  ///
  /// - Parameter standard: A model to take with random weights in place of the configured one.
  /// - Throws: `AgreedFailure` when any rank finds something wrong.
  public init(
    _ configuration: RunConfiguration, standard: StandardModel? = nil, communicator: Communicator,
    device: Device
  ) throws {
    var configuration = configuration
    configuration.method.klLimit = nil
    configuration.cluster.timeLimit = nil
    configuration.evaluation.sets = []
    configuration.evaluation.rewards = []
    configuration.checkpoint.best = nil
    trainer = try Trainer(
      configuration, standard: standard, communicator: communicator, device: device)
    modelName = standard.map { "\($0.rawValue) with random weights" } ?? configuration.model.path
    self.communicator = communicator
    self.device = device
    if device != .cpu, let last = trainer.policy.trainable.last?.tensor {
      trainer.timer.waitForDevice = { _ = try? last.detached().sum().item() }
    }
  }

  /// Takes an epoch that makes the policy another than the reference, measures those after it, and
  /// then what they computed by itself. Collective.
  ///
  /// - Parameter epochCount: Of which the median counts, 1 or more.
  public func run(epochCount: Int) throws -> PhaseReport {
    _ = try trainer.runEpoch()
    try device.resetPeakMemory()
    trainer.timer.startCounting()
    var epochs = [try measureEpoch()]
    let computed = trainer.timer.endCounting()
    for _ in 1..<epochCount { epochs.append(try measureEpoch()) }
    let (tensors, process) = (try device.memoryBytes().peak, HostMemory.peak)

    try communicator.barrier()
    let rates = try communicator.agreed { try OperationRates(Array(computed.values), on: device) }
    let phases = try Phase.allCases.map { phase in
      let operations = computed[phase] ?? [:]
      func sum(_ count: (Operation) -> Int) throws -> Double {
        let own = operations.reduce(0.0) { $0 + Double(count($1.key)) * Double($1.value) }
        return try communicator.allReduce(own, by: .sum)
      }
      return PhaseReport.Phase(
        name: phase.rawValue, seconds: try greatest(epochs.map { $0.phases[phase] ?? 0 }.median),
        arithmeticCount: try sum(\.arithmeticCount), byteCount: try sum(\.byteCount),
        secondsAtPeak: try greatest(rates.secondsAtPeak(operations)),
        secondsAlone: try greatest(rates.seconds(operations)))
    }
    let configuration = trainer.configuration
    let seconds = epochs.map(\.seconds).median
    return PhaseReport(
      model: modelName, dtype: configuration.model.dtype.rawValue,
      device: configuration.cluster.device.rawValue, rankCount: communicator.size,
      threadCount: Runtime.threadCount,
      productRate: try communicator.allReduce(rates.product, by: .min),
      convolutionRate: try communicator.allReduce(rates.convolution, by: .min),
      phases: phases, epochSeconds: seconds, imageCount: trainer.epochImageCount,
      imagesPerSecond: Double(trainer.epochImageCount) / seconds,
      weightByteCount: trainer.policy.model.weightByteCount,
      tensorPeakByteCount: Int(try greatest(Double(tensors))),
      processPeakByteCount: Int(try greatest(Double(process))))
  }

  /// Seconds of an epoch of all ranks, and of this rank's phases.
  private func measureEpoch() throws -> (seconds: Double, phases: [Phase: Double]) {
    let before = trainer.timer.total
    try communicator.barrier()
    let start = ContinuousClock.now
    _ = try trainer.runEpoch()
    trainer.timer.waitForDevice?()
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    return (try greatest(seconds), trainer.timer.total.merging(before) { $0 - $1 })
  }

  /// Of all ranks' values.
  private func greatest(_ value: Double) throws -> Double {
    try communicator.allReduce(value, by: .max)
  }
}
