import ClusterConfiguration
import Foundation
import Safetensors
import StableDiffusion
import TestSupport
import Testing
import Torch
import TorchNN

@testable import Training

@Suite(.serialized) struct ExportTests {
  /// A finished run of one epoch.
  private func finishedRun(
    in folder: String, _ training: RunConfiguration.Model.Training, averageDecay: Double? = nil
  ) throws -> Trainer {
    var configuration = try DebugFixture.configuration(in: folder)
    configuration.run.epochs = 1
    configuration.model.training = training
    configuration.optimizer.learningRate = 1e-2
    configuration.optimizer.averageDecay = averageDecay
    // No float32 number, as which one of the files holds it.
    configuration.model.lora.alpha = 1.3
    let trainer = try Trainer(
      configuration, communicator: DebugFixture.world(), device: .cpu, resume: .never)
    #expect(try trainer.run() == .completed)
    return trainer
  }

  private func prediction(_ model: StableDiffusionModel) throws -> Tensor {
    try withoutGradient {
      try model.unet(
        .randn(seed: 1, shape: [1] + model.latentShape), timesteps: Tensor([500], shape: [1]),
        context: model.encode(prompts: ["a small red circle"]))
    }
  }

  @Test func adaptersAreWrittenInBothLayouts() throws {
    try withTemporaryFolder { folder in
      let trainer = try finishedRun(in: folder.path, .lora)
      let export = try Export(trainer.configuration.run.output)
      #expect(export.hasAdapters)
      let files = try export.writeAdapters(to: "\(folder.path)/lora")
      #expect(
        files == [
          "\(folder.path)/lora/pytorch_lora_weights.safetensors",
          "\(folder.path)/lora/lora_kohya.safetensors",
        ])
      let expected = try prediction(trainer.policy.model)
      for file in files {
        let model = try StableDiffusionModel(
          ModelFolder(path: trainer.configuration.model.path), loraFile: URL(filePath: file))
        #expect(try TestSupport.relativeDifference(prediction(model), from: expected) == 0)
      }
    }
  }

  @Test(arguments: [RunConfiguration.Model.Training.lora, .full])
  func aWholeModelIsThePolicyInANewFolder(training: RunConfiguration.Model.Training) throws {
    try withTemporaryFolder { folder in
      let trainer = try finishedRun(in: folder.path, training)
      let output = "\(folder.path)/tuned"
      let checkpoints = "\(trainer.configuration.run.output)/checkpoints"
      let names = try FileManager.default.contentsOfDirectory(atPath: checkpoints)
      let last = try #require(names.filter { $0.hasPrefix("step-") }.max())
      let export = try Export("\(checkpoints)/\(last)")
      try export.writeModel(to: "\(output)/")

      let tuned = try StableDiffusionModel(ModelFolder(path: output))
      let original = try StableDiffusionModel(
        ModelFolder(path: trainer.configuration.model.path))
      let expected = try prediction(trainer.policy.model)
      #expect(try TestSupport.relativeDifference(prediction(tuned), from: expected) < 1e-6)
      #expect(try TestSupport.relativeDifference(prediction(original), from: expected) > 1e-4)
      #expect(tuned.unetParameters.adapters == nil)
      let error = #expect(throws: TrainingError.self) { try export.writeModel(to: output) }
      #expect(
        error?.description.hasPrefix("\(output): expected nothing yet, found something") == true)
    }
  }

  @Test func whereAnAverageWasKeptItIsWhatIsExported() throws {
    try withTemporaryFolder { folder in
      let trainer = try finishedRun(in: folder.path, .full, averageDecay: 0.9)
      let average = try #require(trainer.average)
      try Export(trainer.configuration.run.output).writeModel(to: "\(folder.path)/tuned")
      let tuned = try StableDiffusionModel(ModelFolder(path: "\(folder.path)/tuned"))
      var movedCount = 0
      for (index, parameter) in tuned.unetParameters.parameters.enumerated() {
        let values: [Float] = try parameter.tensor.values()
        #expect(try values == average.averages[index].tensor.values())
        if try values != trainer.policy.trainable[index].tensor.values() { movedCount += 1 }
      }
      #expect(movedCount > 0)
      // And the average itself has left the start.
      let start = try StableDiffusionModel(ModelFolder(path: trainer.configuration.model.path))
      #expect(
        try zip(average.averages, start.unetParameters.parameters).contains {
          try $0.tensor.values(as: Float.self) != $1.tensor.values()
        })
    }
  }

  @Test func anotherModelThanTheRunsIsRefused() throws {
    try withTemporaryFolder { folder in
      let trainer = try finishedRun(in: folder.path, .lora)
      let run = trainer.configuration.run.output
      let moved = "\(folder.path)/moved"
      try FileManager.default.moveItem(atPath: trainer.configuration.model.path, toPath: moved)
      let missing = #expect(throws: TrainingError.self) { try Export(run) }
      #expect(missing?.description.hasSuffix("name the folder with --model") == true)
      #expect(try Export(run, modelPath: moved).hasAdapters)

      let model = try StableDiffusionModel(ModelFolder(path: moved))
      try model.unetParameters.parameters[0].tensor.scaleInPlace(by: 2)
      try model.save(to: "\(folder.path)/other")
      let error = #expect(throws: TrainingError.self) {
        try Export(run, modelPath: "\(folder.path)/other")
      }
      #expect(
        error?.description.contains(
          "expected the model that the run started from, found one with other weights") == true)
    }
  }

  @Test func aHalfPreciseRunIsMergedInFloat32() throws {
    try withTemporaryFolder { folder in
      var configuration = try DebugFixture.configuration(in: folder.path)
      configuration.run.epochs = 1
      configuration.model.training = .lora
      configuration.model.dtype = .bfloat16
      configuration.method.microBatch = configuration.method.imagesPerPrompt
      let trainer = try Trainer(
        configuration, communicator: DebugFixture.world(), device: .cpu, resume: .never)
      #expect(try trainer.run() == .completed)
      try Export(configuration.run.output).writeModel(to: "\(folder.path)/tuned")
      let tuned = try StableDiffusionModel(ModelFolder(path: "\(folder.path)/tuned"))
      let original = try StableDiffusionModel(ModelFolder(path: configuration.model.path))
      let adapted = Set(
        trainer.policy.trainable.map { $0.name.replacing(/lora_[AB]\./, with: "") })
      for (one, other) in zip(tuned.unetParameters.parameters, original.unetParameters.parameters) {
        #expect(one.tensor.dtype == .float32)
        guard !adapted.contains(one.name) else { continue }
        // Not rounded to bfloat16, which would move all of them.
        #expect(try one.tensor.values(as: Float.self) == other.tensor.values())
      }
      #expect(adapted.count > 10)
    }
  }

  @Test func aFileThatIsThereIsKept() throws {
    try withTemporaryFolder { folder in
      let trainer = try finishedRun(in: folder.path, .lora)
      let output = folder.appending(path: "lora")
      let kohya = output.appending(path: "lora_kohya.safetensors")
      try FileManager.default.createDirectory(at: output, withIntermediateDirectories: true)
      try Data("mine".utf8).write(to: kohya)
      let export = try Export(trainer.configuration.run.output)
      #expect(throws: TrainingError.self) { try export.writeAdapters(to: output.path) }
      #expect(try Data(contentsOf: kohya) == Data("mine".utf8))
      #expect(try FileManager.default.contentsOfDirectory(atPath: output.path).count == 1)
    }
  }

  @Test func whatAFolderHasBesideItsModelStaysBehind() throws {
    try withTemporaryFolder { folder in
      let trainer = try finishedRun(in: folder.path, .full)
      let model = URL(filePath: trainer.configuration.model.path)
      let index = model.appending(path: "model_index.json")
      var object = try #require(
        JSONSerialization.jsonObject(with: Data(contentsOf: index)) as? [String: Any])
      object["safety_checker"] = ["stable_diffusion", "StableDiffusionSafetyChecker"]
      object["requires_safety_checker"] = true
      try JSONSerialization.data(withJSONObject: object).write(to: index)
      try Data().write(to: model.appending(path: "v1-5-pruned.safetensors"))
      let text = model.appending(path: "text_encoder/config.json")
      var configuration = try #require(
        JSONSerialization.jsonObject(with: Data(contentsOf: text)) as? [String: Any])
      configuration["torch_dtype"] = "float16"
      try JSONSerialization.data(withJSONObject: configuration).write(to: text)
      // A folder elsewhere, as in a cache.
      let real = folder.appending(path: "real")
      try FileManager.default.moveItem(at: model, to: real)
      try FileManager.default.createSymbolicLink(at: model, withDestinationURL: real)

      let output = folder.appending(path: "tuned")
      try Export(trainer.configuration.run.output).writeModel(to: output.path)
      #expect(
        Set(try FileManager.default.contentsOfDirectory(atPath: output.path)) == [
          "model_index.json", "scheduler", "text_encoder", "tokenizer", "unet", "vae",
        ])
      let copied = try #require(
        JSONSerialization.jsonObject(
          with: Data(contentsOf: output.appending(path: "model_index.json"))) as? [String: Any])
      #expect(copied["safety_checker"] as? [NSNull] == [NSNull(), NSNull()])
      #expect(copied["requires_safety_checker"] as? Bool == false)
      #expect(copied["unet"] as? [String] == ["diffusers", "UNet2DConditionModel"])
      let written = try String(
        contentsOf: output.appending(path: "text_encoder/config.json"), encoding: .utf8)
      #expect(written.contains(#""torch_dtype" : "float32""#))
    }
  }

  @Test func aRunWithoutCheckpointsHasNothingToExport() throws {
    try withTemporaryFolder { folder in
      let run = folder.appending(path: "run/checkpoints")
      try FileManager.default.createDirectory(at: run, withIntermediateDirectories: true)
      let error = #expect(throws: TrainingError.self) {
        try Export(folder.appending(path: "run").path)
      }
      #expect(
        error?.description.contains("expected a checkpoint that is whole, found none") == true)
    }
  }
}
