import ClusterConfiguration
import StableDiffusion
import TestSupport
import Testing
import Torch

@testable import Training

@Suite(.serialized) struct ModelBenchmarkTests {
  /// In a process of its own, since it counts the bytes of all tensors.
  @Test func recomputedActivationsTakeLessThanHalfTheMemory() async {
    await #expect(processExitsWith: .success) {
      try withTemporaryFolder { folder in
        Runtime.manageCPUMemory()
        try DebugFixture.model(in: folder.path).save(to: "\(folder.path)/model")
        var settings = ModelBenchmark.Settings()
        // So many that what a convolution works in is little beside what is kept.
        settings.batchCount = 64
        let report = try ModelBenchmark(
          ModelFolder(path: "\(folder.path)/model"), settings, device: .cpu
        ).run()
        #expect(report.recomputed.tensorByteCount > 0)
        #expect(report.recomputed.tensorByteCount * 2 <= report.kept.tensorByteCount)
        #expect(report.gradientDifference < 1e-5)
        #expect(report.weightByteCount > 0)
        #expect(report.loadedPeakByteCount > report.weightByteCount)
      }
    }
  }

  @Test(arguments: [false, true])
  func theTrainerDoesAsItIsConfigured(recomputes: Bool) throws {
    try withTemporaryFolder { folder in
      var configuration = try DebugFixture.configuration(in: folder.path)
      configuration.model.gradientCheckpointing = recomputes
      let trainer = try Trainer(
        configuration, communicator: DebugFixture.world(), device: .cpu)
      #expect(trainer.policy.model.unet.recomputesActivations == recomputes)
      let network = try #require(
        trainer.policyGradient.network as? UNet2DConditionModel)
      #expect(network.recomputesActivations == recomputes)
    }
  }
}
