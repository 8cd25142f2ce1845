import ClusterConfiguration
import StableDiffusion
import TestSupport
import Testing
import Torch
import TorchNN

@testable import Training

@Suite(.serialized) struct HalfPrecisionTests {
  private let lora = LoRAConfiguration(
    rank: 2, alpha: 2, targets: ["to_q", "conv1", "time_emb_proj"])

  /// The prediction and the adapters' gradients of a model in `folder`.
  private func gradients(_ folder: String, _ dtype: DType) throws -> [Tensor] {
    let model = try StableDiffusionModel(ModelFolder(path: folder), dtype: dtype, lora: lora)
    try model.unetParameters.enableTraining()
    for (index, parameter) in model.unetParameters.trainable.enumerated() {
      #expect(parameter.tensor.dtype == .float32)
      try parameter.tensor.assign(
        .randn(seed: UInt64(index), shape: parameter.tensor.shape) * 0.1)
    }
    #expect(model.unetParameters.parameters.allSatisfy { $0.tensor.dtype == dtype })
    #expect(model.autoencoderParameters.parameters.allSatisfy { $0.tensor.dtype == .float32 })
    let context = try model.encode(prompts: ["a small red circle", "a large blue star"])
    let output = try model.unet(
      .randn(seed: 1, shape: [2] + model.latentShape),
      timesteps: Tensor([3, 741] as [Float], shape: [2]), context: context
    ).to(dtype: .float32)
    try output.backward(seed: .randn(seed: 2, shape: output.shape))
    return try [output.detached()]
      + model.unetParameters.trainable.map { try #require(try $0.tensor.gradient()) }
  }

  @Test(arguments: [DType.float16, .bfloat16])
  func adaptersOfAHalfPreciseModelHaveAboutTheSameGradients(_ dtype: DType) throws {
    try withTemporaryFolder { folder in
      try DebugFixture.model(in: folder.path).save(to: "\(folder.path)/model")
      let expected = try gradients("\(folder.path)/model", .float32)
      let found = try gradients("\(folder.path)/model", dtype)
      // Roundings of 2^-11 and 2^-8 add up: with the latter 0.124 was measured.
      let tolerance = dtype == .float16 ? 0.03 : 0.2
      for (found, expected) in zip(found, expected) {
        let difference = try TestSupport.relativeDifference(found, from: expected)
        #expect(difference < tolerance)
      }
    }
  }

  @Test func aRunInHalfPrecisionReplaysItsTrajectories() throws {
    try withTemporaryFolder { folder in
      var configuration = try DebugFixture.configuration(in: folder.path)
      configuration.model.training = .lora
      configuration.model.dtype = .bfloat16
      configuration.method.microBatch = configuration.method.imagesPerPrompt
      let trainer = try Trainer(
        configuration, communicator: DebugFixture.world(), device: .cpu)
      #expect(
        trainer.policy.model.unetParameters.parameters.allSatisfy {
          $0.tensor.dtype == .bfloat16
        })
      let before = try trainer.policy.trainable.map { try $0.tensor.values(as: Float.self) }
      let records = try trainer.runEpoch()
      #expect(records.count == configuration.method.innerSteps)
      #expect(
        try trainer.policy.trainable.map { try $0.tensor.values(as: Float.self) } != before)
    }
  }
}
