import Foundation
import StableDiffusion
import TestSupport
import Testing
import Torch
import TorchNN

@testable import Training

@Suite(.serialized) struct InspectionTests {
  @Test func aModelHasAPartForEachFileOfWeights() throws {
    try withTemporaryFolder { folder in
      let model = try DebugFixture.model(in: folder.path)
      try model.save(to: "\(folder.path)/model")
      let inspection = try Inspection("\(folder.path)/model")
      #expect(inspection.kind == "a model in diffusers' format")
      #expect(
        inspection.parts.map(\.file) == [
          "unet/diffusion_pytorch_model.safetensors", "vae/diffusion_pytorch_model.safetensors",
          "text_encoder/model.safetensors",
        ])
      let unet = inspection.parts[0]
      let tensors = model.unetParameters.parameters.map(\.tensor)
      #expect(unet.tensorCount == tensors.count)
      #expect(unet.parameterCount == tensors.reduce(0) { $0 + $1.count })
      #expect(unet.dtypes == ["float32"])
      let path = "\(folder.path)/model/\(unet.file)"
      #expect(try unet.byteCount == Data(contentsOf: URL(filePath: path)).count)
      #expect(try unet.sha256 == sha256(of: Data(contentsOf: URL(filePath: path))))
    }
  }

  @Test func aCheckpointSaysWhereItsRunStands() throws {
    try withTemporaryFolder { folder in
      var configuration = try DebugFixture.configuration(in: folder.path)
      configuration.run.epochs = 1
      let trainer = try Trainer(
        configuration, communicator: DebugFixture.world(), device: .cpu, resume: .never)
      _ = try trainer.run()
      let inspection = try Inspection("\(configuration.run.output)/checkpoints/step-00000003")
      #expect(inspection.kind == "a checkpoint")
      #expect(inspection.facts["step"] == "3")
      #expect(inspection.facts["epoch"] == "1")
      #expect(inspection.facts["model"] == configuration.model.path)
      #expect(inspection.parts.map(\.file) == ["optimizer.safetensors", "trained.safetensors"])
    }
  }

  @Test(arguments: LoRAFile.Layout.allCases)
  func aLoRASaysItsLayoutAndRank(_ layout: LoRAFile.Layout) throws {
    try withTemporaryFolder { folder in
      try DebugFixture.model(in: folder.path).save(to: "\(folder.path)/model")
      let model = try StableDiffusionModel(
        ModelFolder(path: "\(folder.path)/model"),
        lora: LoRAConfiguration(rank: 3, alpha: 6, targets: ["to_q"]))
      let url = folder.appending(path: "a.safetensors")
      try LoRAFile.write(try #require(model.unetParameters.adapters), as: layout, to: url)
      let inspection = try Inspection(url.path)
      #expect(inspection.kind == "a safetensors file")
      #expect(inspection.facts["rank"] == "3")
      #expect(inspection.facts["LoRA layout"] == (layout == .kohya ? "Kohya" : "diffusers"))
    }
  }

  @Test func somethingElseIsRefused() throws {
    try withTemporaryFolder { folder in
      for (path, found) in [("none", "nothing"), ("", "something else")] {
        let place = "\(folder.path)/\(path)"
        let error = #expect(throws: TrainingError.self) { try Inspection(place) }
        #expect(
          error?.description.contains(
            "expected a model folder, a checkpoint or a safetensors file, found \(found)") == true)
      }
    }
  }
}
