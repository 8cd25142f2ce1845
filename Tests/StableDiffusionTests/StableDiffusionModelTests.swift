import Diffusion
import StableDiffusion
import TestSupport
import Testing
import Torch
import TorchNN

@Suite struct StableDiffusionModelTests {
  @Test func aNewModelIsAFunctionOfItsSeed() throws {
    func output(_ seed: UInt64) throws -> [Float] {
      try #require(
        smallModel(seed: seed).outputs(prompt: "a star").first { $0.name == "prediction" }
      )
      .tensor.values()
    }
    let first = try output(1)
    #expect(try output(1) == first)
    #expect(try output(2) != first)
  }

  @Test func theNetworksStartFromDifferentSeeds() throws {
    let model = try smallModel()
    let values = try [
      model.unetParameters, model.autoencoderParameters, model.textEncoders[0].parameters,
    ].map { try #require($0.parameters.first).tensor.values(as: Float.self)[0] }
    #expect(Set(values).count == 3)
  }

  @Test func promptsAreEncodedOneByOne() throws {
    let model = try smallModel()
    let both = try model.encode(prompts: ["a red circle", ""]).features
    #expect(both.shape == [2, 8, 8])
    let one = try model.encode(prompts: [""]).features
    #expect(try relativeDifference(both.narrowed(axis: 0, 1..<2), from: one) < networkTolerance)
  }

  @Test func decodedImagesAreLevelsInTheirRange() throws {
    let model = try smallModel()
    #expect(model.latentShape == [4, 8, 8])
    let image = try model.decode(Tensor.randn(seed: 1, shape: [2, 4, 8, 8]) * 1000)
    #expect(image.summary == "float32 [2, 16, 16, 3]")
    let levels: [Float] = try image.values()
    #expect(levels.allSatisfy { (0...255).contains($0) } && Set(levels).count > 100)
    #expect(image.device == .cpu)
  }

  @Test func theScalingFactorIsDividedOutBeforeDecoding() throws {
    let model = try smallModel()
    let latents = try Tensor.randn(seed: 1, shape: [1, 4, 8, 8])
    model.setLatentScale(0.25)
    let scaled = try model.decode(latents).values(as: Float.self)
    model.setLatentScale(1)
    #expect(try model.decode(latents * 4).values() == scaled)
    #expect(try model.decode(latents).values() != scaled)
  }

  @Test func adaptersThatAreNewOrOffLeaveTheLoadedModel() throws {
    try withTemporaryFolder { folder in
      try smallModel().save(to: folder.path)
      let lora = LoRAConfiguration(
        rank: 2, alpha: 2, targets: ["to_q", "to_k", "to_v", "to_out.0", "conv1", "proj_in"])
      let plain = try StableDiffusionModel(ModelFolder(path: folder.path))
      let adapted = try StableDiffusionModel(
        ModelFolder(path: folder.path), lora: lora, loraSeed: 5)
      let adapters = try #require(adapted.unetParameters.adapters)
      func prediction(_ model: StableDiffusionModel) throws -> [Float] {
        try #require(model.outputs(prompt: "a star").first { $0.name == "prediction" })
          .tensor.values()
      }
      let expected = try prediction(plain)
      #expect(try prediction(adapted) == expected)
      for parameter in adapters.parameters {
        try parameter.tensor.assign(.full(0.1, shape: parameter.tensor.shape))
      }
      #expect(try prediction(adapted) != expected)
      #expect(try adapters.disabled { try prediction(adapted) } == expected)
    }
  }

  @Test func aCopyOfTheUNetStaysWhenTheOriginalIsTrained() throws {
    let model = try smallModel()
    let copy = try model.copyOfUNet()
    let outputs = Dictionary(
      uniqueKeysWithValues: try model.outputs(prompt: "a star").map { ($0, $1) })
    func prediction(_ unet: UNet2DConditionModel) throws -> [Float] {
      try unet(
        #require(outputs["sample"]), timesteps: #require(outputs["timesteps"]),
        context: TextContext(features: #require(outputs["context"]))
      ).values()
    }
    let expected = try prediction(model.unet)
    #expect(try prediction(copy) == expected)
    try model.unetParameters.parameters[0].tensor.scaleInPlace(by: 2)
    #expect(try prediction(model.unet) != expected)
    #expect(try prediction(copy) == expected)
  }
}
