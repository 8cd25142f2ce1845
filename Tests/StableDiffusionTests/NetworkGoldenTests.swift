import CLIP
import Diffusion
import StableDiffusion
import TestSupport
import Testing
import Torch
import TorchNN

@Suite struct NetworkGoldenTests {
  @Test(arguments: GoldenModel.allCases)
  func theUNetIsThatOfDiffusers(_ name: GoldenModel) throws {
    let (model, golden) = (try name.load(), try name.golden())
    let output = try model.unet(
      golden("unet.sample"), timesteps: golden("unet.timesteps"), context: name.context(golden))
    #expect(try relativeDifference(output, from: golden("unet.output")) < networkTolerance)
  }

  @Test(arguments: GoldenModel.allCases)
  func everyGradientOfTheUNetIsThatOfDiffusers(_ name: GoldenModel) throws {
    let (model, golden) = (try name.load(), try name.golden())
    // Some gradients are small sums of large terms, so both sides compute in float64; the golden is
    // stored as float32, which leaves some 1e-7.
    let tolerance = 1e-6
    let store = ParameterStore(copying: model.unetParameters, dtype: .float64)
    let unet = try UNet2DConditionModel(store.root, model.unet.configuration)
    try store.enableTraining()
    let (sample, context) = (try golden("unet.sample"), try golden("unet.context"))
    for input in [sample, context] { try input.setRequiresGradient(true) }

    let output = try unet(
      sample.to(dtype: .float64), timesteps: golden("unet.timesteps"),
      context: name.context(golden, features: context.to(dtype: .float64)))
    #expect(try relativeDifference(output, from: golden("unet.output")) < tolerance)
    try output.backward(seed: golden("unet.weight").to(dtype: .float64))

    for (input, key) in [(sample, "sample"), (context, "context")] {
      let gradient = try #require(try input.gradient())
      let expected = try golden("unet.gradient.\(key)")
      #expect(try relativeDifference(gradient, from: expected) < tolerance, "\(key)")
    }
    #expect(Set(store.parameters.map(\.name)) == golden.names(after: "unet.gradient.parameter."))
    for parameter in store.parameters {
      let gradient = try #require(try parameter.tensor.gradient(), "\(parameter.name)")
      let expected = try golden("unet.gradient.parameter.\(parameter.name)")
      #expect(try relativeDifference(gradient, from: expected) < tolerance, "\(parameter.name)")
    }
  }

  @Test(arguments: GoldenModel.allCases)
  func recomputedActivationsGiveTheSameGradients(_ name: GoldenModel) throws {
    let golden = try name.golden()
    func gradients(recomputing: Bool) throws -> [Tensor] {
      let model = try name.load()
      model.unet.recomputesActivations = recomputing
      let parameters = model.unetParameters.parameters
      try model.unetParameters.enableTraining()
      try model.unet(
        golden("unet.sample"), timesteps: golden("unet.timesteps"), context: name.context(golden)
      ).backward(seed: golden("unet.weight"))
      return try parameters.map { try #require(try $0.tensor.gradient()) }
    }
    // The parts of a sum, such as that of the time embedding, come in another order.
    for (found, expected) in zip(
      try gradients(recomputing: true), try gradients(recomputing: false))
    {
      #expect(try relativeDifference(found, from: expected) < 1e-5)
    }
  }

  @Test(arguments: GoldenModel.allCases)
  func theAutoencoderIsThatOfDiffusers(_ name: GoldenModel) throws {
    let (autoencoder, golden) = (try name.load().autoencoder, try name.golden())
    try withoutGradient {
      let moments = try autoencoder.encode(golden("vae.images"))
      #expect(try relativeDifference(moments.mean, from: golden("vae.mean")) < networkTolerance)
      #expect(
        try relativeDifference(moments.logVariance, from: golden("vae.logVariance"))
          < networkTolerance)
      let decoded = try autoencoder.decode(golden("vae.latents"))
      #expect(try relativeDifference(decoded, from: golden("vae.decoded")) < networkTolerance)
    }
  }

  @Test func theLogVarianceIsKeptWithinDiffusersLimits() throws {
    let autoencoder = try GoldenModel.twoLevels.load().autoencoder
    let images = try Tensor.randn(seed: 1, shape: [1, 3, 8, 8]) * 1e9
    let values = try autoencoder.encode(images).logVariance.values(as: Double.self)
    #expect(values.allSatisfy { (-30...20).contains($0) })
  }

  @Test(arguments: GoldenModel.allCases)
  func aBatchIsItsElementsSideBySide(_ name: GoldenModel) throws {
    let (model, golden) = (try name.load(), try name.golden())
    let (sample, timesteps) = (try golden("unet.sample"), try golden("unet.timesteps"))
    let context = try name.context(golden)
    let whole = try model.unet(sample, timesteps: timesteps, context: context)
    let parts = try [0, 1].map { index in
      func one(_ tensor: Tensor) throws -> Tensor {
        try tensor.narrowed(axis: 0, index..<index + 1)
      }
      return try model.unet(
        one(sample), timesteps: one(timesteps),
        context: TextContext(
          features: one(context.features),
          addition: context.addition.map {
            TextContext.Addition(pooled: try one($0.pooled), sizes: try one($0.sizes))
          }))
    }
    #expect(try relativeDifference(.concatenated(parts), from: whole) < networkTolerance)
  }
}
