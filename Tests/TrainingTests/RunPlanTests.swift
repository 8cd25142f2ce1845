import ClusterConfiguration
import Foundation
import Planning
import StableDiffusion
import TestSupport
import Testing
import Torch
import TorchNN

@testable import Training

@Suite(.serialized) struct RunPlanTests {
  @Test(arguments: [RunConfiguration.Model.Training.lora, .full])
  func whatIsCountedInHeadersIsWhatAModelTakes(training: RunConfiguration.Model.Training) throws {
    try withTemporaryFolder { folder in
      var configuration = try DebugFixture.configuration(in: folder.path)
      configuration.model.training = training
      let footprint = try RunPlan(configuration, slotsPerHost: 1).footprint
      let trainer = try Trainer(
        configuration, communicator: DebugFixture.world(), device: .cpu)
      let trained = trainer.policy.trainable.reduce(0) { $0 + $1.tensor.count }
      #expect(footprint.trainedElementCount == trained)
      #expect(footprint.trainsAdapters == (training == .lora))
      // The frozen copy of the UNet is the reference where all of it is trained.
      let copy = training == .full ? 4 * trained : 0
      #expect(footprint.weightByteCount == trainer.policy.model.weightByteCount + copy)
    }
  }

  @Test func trajectoriesTakeWhatIsPlanned() throws {
    try withTemporaryFolder { folder in
      let configuration = try DebugFixture.configuration(in: folder.path)
      let workload = try RunPlan(configuration, slotsPerHost: 1).workload
      let trainer = try Trainer(
        configuration, communicator: DebugFixture.world(), device: .cpu)
      let rollouts = try trainer.drawRollouts()
      let rollout = try #require(rollouts.first)
      let doubles =
        rollout.old.values.count + rollout.reference.values.count + rollout.rewards.count
      let byteCount = 4 * rollout.latents.count + 8 * doubles
      #expect(workload.trajectoryByteCount == byteCount)
      #expect(workload.contextByteCount == 4 * rollout.context.features.count)
    }
  }

  @Test func aTargetThatNoLayerHasIsRefused() throws {
    try withTemporaryFolder { folder in
      var configuration = try DebugFixture.configuration(in: folder.path)
      configuration.model.training = .lora
      configuration.model.lora.targets = ["to_q", "to_z"]
      #expect(throws: NNError.unmatchedTargets(["to_z"])) {
        try RunPlan(configuration, slotsPerHost: 1)
      }
    }
  }

  /// In a process of its own, since it counts the bytes of all tensors.
  @Test func computationIsMeasured() async {
    await #expect(processExitsWith: .success) {
      try withTemporaryFolder { folder in
        let configuration = try DebugFixture.configuration(in: folder.path)
        Runtime.manageCPUMemory()
        let report = try ComputeBenchmark(
          configuration, communicator: DebugFixture.world(), device: .cpu
        ).run()
        #expect(report.seconds.samplePerPrompt > 0)
        #expect(report.seconds.forwardPerPrompt > 0)
        #expect(report.seconds.gradientPerPrompt > 0)
        #expect(report.seconds.updatePerStep > 0)
        // The convolutions' inputs alone, of 5 samples: 8 channels of 8 x 8 numbers, 4 bytes each.
        #expect(report.activationByteCount > 5 * 8 * 8 * 8 * 4)
      }
    }
  }
}

struct MeasuredRunTests {
  /// A run folder of 10 prompts an epoch, with these lines of metrics.
  private func seconds(
    _ lines: [String], ranks: Int? = 4, rankCount: Int? = nil, microBatch: Int = 16
  ) throws -> ComputeSeconds {
    try withTemporaryFolder { folder in
      let path = folder.path
      try write((lines.joined(separator: "\n") + "\n").utf8, to: "\(path)/metrics.jsonl")
      try write(
        "method: {promptsPerEpoch: 10, microBatch: \(microBatch)}\n".utf8, to: "\(path)/config.yaml"
      )
      if let ranks { try write("{\"ranks\": \(ranks)}".utf8, to: "\(path)/summary.json") }
      return try MeasuredRun(folder: path, rankCount: rankCount).seconds
    }
  }

  private func step(epoch: Int, inner: Int = 1, sample: Double = 0, gradient: Double) -> String {
    """
    {"kind":"step","epoch":\(epoch),"inner":\(inner),"seconds":{"sample":\(sample),"reward":0.5,\
    "reference":1.5,"gradient":\(gradient),"communicate":9,"update":0.25}}
    """
  }

  @Test func mediansOfLaterEpochsAreDividedByTheLargestShare() throws {
    let lines = [
      #"{"kind":"evaluation","epoch":0}"#, #"{"kind":"checkpoint","seconds":0.5}"#,
      step(epoch: 1, sample: 99, gradient: 99),
      step(epoch: 2, sample: 4, gradient: 9), step(epoch: 3, sample: 1, gradient: 6),
      step(epoch: 4, sample: 40, gradient: 60),
    ]
    // Of 10 prompts a rank of 4 has 3 at most: (4 + 0.5 + 1.5) / 3, and a third of 9 is forward.
    #expect(
      try seconds(lines)
        == ComputeSeconds(
          samplePerPrompt: 2, gradientPerPrompt: 3, forwardPerPrompt: 1, updatePerStep: 0.25))
    // Of 2 ranks it would be 5.
    #expect(try seconds(lines, ranks: nil, rankCount: 2).samplePerPrompt == 1.2)
  }

  @Test func laterStepsOfAnEpochTellTheForwardPass() throws {
    let lines = [
      step(epoch: 2, sample: 4, gradient: 9), step(epoch: 2, inner: 2, gradient: 15),
    ]
    #expect(try seconds(lines).forwardPerPrompt == 2)
    // Of a prompt's 48 samples at once they take none beside the gradient's own.
    #expect(try seconds(lines, microBatch: 48).forwardPerPrompt == 1)
  }

  @Test func whatIsMissingIsSaid() {
    func text(_ lines: [String], ranks: Int? = 4) -> String {
      errorText { _ = try seconds(lines, ranks: ranks) } ?? ""
    }
    #expect(
      text([step(epoch: 1, gradient: 1)]).hasSuffix(
        "expected records of the second epoch or later, found none: let the run go on for some "
          + "epochs"))
    #expect(text(["nonsense"]).contains("metrics.jsonl:1: expected a record of prdp train"))
    #expect(text([step(epoch: 2, gradient: 1)], ranks: nil).contains("say --from-ranks"))
  }
}
