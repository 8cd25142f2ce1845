import ArgumentParser
import ClusterConfiguration
import Foundation
import MPI
import PRDP
import Training

struct Calibrate: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Suggests beta, clip range and learning rate from one epoch of samples.",
    discussion: """
      Samples one epoch, takes one trial step with the configured learning rate, and measures how \
      rewards and log-ratios spread within prompts. Nothing is saved.

      EXAMPLES
        prdp calibrate --config cluster.yaml
        mpirun -np 4 prdp calibrate --set method.promptsPerEpoch=64
      """)

  @OptionGroup var source: ConfigurationOptions

  func run() throws {
    try withRanks { world in
      let configuration = try source.load(world)
      let trainer = try Trainer(
        configuration, communicator: world, device: prepareDevice(configuration, world))
      let calibration = try trainer.calibrate()
      guard world.rank == 0 else { return }
      let method = configuration.method
      say("spread of the reward within a prompt   \(Self.figure(calibration.rewardSpread))")
      say(
        "log-ratio of a step after the trial    \(Self.figure(calibration.trialLogRatio)) nats "
          + "at learning rate \(Self.figure(configuration.optimizer.learningRate))")
      say("suggested, for method.reduction \(method.reduction.rawValue):")
      say("  --set method.beta=\(Self.figure(calibration.beta))")
      say("  --set method.clipRange=\(Self.figure(calibration.clipRange))")
      say("  --set optimizer.learningRate=\(Self.figure(calibration.learningRate))")
    }
  }

  /// Two significant digits: more would not be meant.
  private static func figure(_ value: Double) -> String { String(format: "%.2g", value) }
}
