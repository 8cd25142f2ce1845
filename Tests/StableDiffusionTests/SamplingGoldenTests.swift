import Diffusion
import StableDiffusion
import TestSupport
import Testing
import Torch

@Suite struct SamplingGoldenTests {
  static let prompts = ["a small red circle", "a large blue star above a ring"]

  @Test(arguments: GoldenModel.allCases)
  func aGuidedRunIsThatOfDiffusersAtEveryStep(_ name: GoldenModel) throws {
    let (model, golden) = (try name.load(), try name.golden())
    try withoutGradient {
      let conditioning = Conditioning(
        context: try model.encode(prompts: Self.prompts),
        emptyContext: try model.encode(prompts: [""]), guidanceScale: 3)
      let expected = try golden("run.latents")
      let plan = try SamplingPlan(model.scheduler, stepCount: 10, eta: 1)
      var steps: [Int] = []
      let latents = try plan.run(
        noise: golden("run.noise"), predictor: model.unet, conditioning
      ) { step throws in
        steps.append(step.index)
        for (found, index) in [(step.sample, step.index), (step.next, step.index + 1)] {
          let expected = try expected.narrowed(axis: 0, index..<index + 1).reshaped(found.shape)
          #expect(try relativeDifference(found, from: expected) < runTolerance, "latents \(index)")
        }
      }
      #expect(steps == Array(0..<10))

      let image = try model.decode(latents)
      let expectedImage = try golden("run.image")
      #expect(image.summary == expectedImage.summary)
      let difference = try image.to(dtype: .float32) - expectedImage.to(dtype: .float32)
      // diffusers rounds halves to even and the latents differ by a rounding: one level at most.
      #expect(try difference.values(as: Float.self).allSatisfy { abs($0) <= 1 })
      #expect(try difference.absolute().mean().item() < 0.01)
    }
  }

  @Test(arguments: GoldenModel.allCases)
  func theSchedulersFileIsReadForWhatItSays(_ name: GoldenModel) throws {
    let scheduler = try name.load().scheduler
    let isVelocity = name == .threeLevels
    #expect(scheduler.predictionType == (isVelocity ? .velocity : .epsilon))
    let last = try #require(SamplingPlan(scheduler, stepCount: 10, eta: 1).steps.last)
    // DDPM's last step adds no noise; DDIM's with set_alpha_to_one false does.
    #expect(last.hasLogProbability != isVelocity)
  }
}
