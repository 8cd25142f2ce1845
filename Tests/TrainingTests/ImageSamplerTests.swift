import Diffusion
import StableDiffusion
import Testing
import Torch

@testable import Training

struct ImageSamplerTests {
  @Test func aTextIsEncodedOnceInHoweverManyBatchesAndEachImageHasItsOwn() throws {
    try withScratchFolder { folder in
      let model = try DebugFixture.model(in: folder)
      let plan = try SamplingPlan(model.scheduler, stepCount: 3, eta: 1)
      let prompts = ["a star", "a ring", "a star", "a heart", "a ring"]
      func images(_ batchCount: Int) throws -> (pixels: [[UInt8]], encodedCount: Int) {
        let before = model.encodedPromptCount
        let empty = try withoutGradient { try model.encodeEmptyPrompt() }
        let sampler = ImageSampler(
          model: model, plan: plan, guidanceScale: 3, batchCount: batchCount)
        // The same noise for all: what differs comes from the text.
        let images = try sampler.images(
          prompts: prompts, emptyContext: empty, seeds: prompts.map { _ in 7 })
        _ = try sampler.images(prompts: prompts, emptyContext: empty, seeds: prompts.map { _ in 8 })
        return (images.map(\.pixels), model.encodedPromptCount - before - 1)
      }
      let (together, alone) = (try images(5), try images(1))
      #expect(together.encodedCount == 3 && alone.encodedCount == 3)
      for (image, other) in zip(together.pixels, alone.pixels) {
        // Batches of other sizes round otherwise.
        #expect(zip(image, other).allSatisfy { abs(Int($0) - Int($1)) <= 1 })
      }
      #expect(together.pixels[0] != together.pixels[1])
      #expect(together.pixels[0] != together.pixels[3])
    }
  }

  @Test func moreTextsThanAreKeptAreComputedAnew() throws {
    try withScratchFolder { folder in
      let model = try DebugFixture.model(in: folder)
      let contexts = TextContexts(of: model, limit: 2)
      for text in ["a star", "a ring", "a star", "a heart", "a star"] {
        _ = try contexts.context(of: text)
      }
      #expect(model.encodedPromptCount == 4)
    }
  }
}
