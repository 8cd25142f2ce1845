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
        emptyContext: try model.encodeEmptyPrompt(), guidanceScale: 3)
      let expected = try golden("run.latents")
      let plan = try SamplingPlan(model.scheduler, stepCount: 20, eta: 1)
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
      #expect(steps == Array(0..<20))

      let image = try model.decode(latents)
      #expect(try relativeDifference(image * (1 / 255), from: golden("run.image")) < runTolerance)
    }
  }

  @Test(arguments: GoldenModel.allCases)
  func theSchedulersFileIsReadForWhatItSays(_ name: GoldenModel) throws {
    let scheduler = try name.load().scheduler
    #expect(scheduler.predictionType == (name == .threeLevels ? .velocity : .epsilon))
    let last = try #require(SamplingPlan(scheduler, stepCount: 20, eta: 1).steps.last)
    // DDIM's last step with set_alpha_to_one false adds noise; the others' does not.
    #expect(last.hasLogProbability == (name == .twoLevels))
  }
}
