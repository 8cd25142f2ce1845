import ClusterConfiguration
import Foundation
import StableDiffusion
import TestSupport
import Testing
import Torch

@testable import Training

/// Of a model whose empty prompt is no text: its context is zeros.
@Suite(.serialized) struct NegativeContextsTests {
  private static let folder =
    ModelFolder(path: Golden.fixtures.appending(path: "models/two-encoders").path)

  @Test func ofABatchTheEmptyOnesAreZerosAndEachTextIsEncodedOnce() throws {
    let model = try StableDiffusionModel(Self.folder)
    let negatives = try NegativeContexts(of: model)
    let before = model.encodedPromptCount
    let batch = try negatives.context(ofBatch: ["", "a star", "", "a star"])
    #expect(model.encodedPromptCount == before + 1)
    #expect(batch.count == 4)
    let text = try withoutGradient { try model.encode(prompts: ["a star"]) }
    for place in 0..<4 {
      let context = try batch.narrowed(place..<place + 1)
      let (features, pooled) = (context.features, try #require(context.addition).pooled)
      if place.isMultiple(of: 2) {
        #expect(try features.norm().item() == 0 && pooled.norm().item() == 0)
      } else {
        #expect(try features.values(as: Float.self) == text.features.values())
        #expect(try pooled.values(as: Float.self) == text.addition?.pooled.values())
      }
    }
    let none = try negatives.context(ofBatch: ["", ""])
    #expect(try none.count == 1 && none.features.norm().item() == 0)
  }

  @Test func anImageOfAnEvaluationDoesNotDependOnTheNegativePromptOfAnother() throws {
    try withScratchFolder { folder in
      func score(_ lines: [String], _ name: String) throws -> Double? {
        let prompts = try write(
          (lines.joined(separator: "\n") + "\n").utf8, to: "\(folder)/\(name)")
        var configuration = RunConfiguration()
        configuration.rewards = [.init(.jpegIncompressibility)]
        configuration.model.path = Self.folder.path
        configuration.sampler.steps = 4
        configuration.sampler.guidance = 9
        configuration.sampler.batchSize = 2
        let run = try EvaluationRun(
          configuration, .none, modelPath: nil, prompts: prompts, imagesPerPrompt: 1, seed: 3,
          ledger: nil, communicator: DebugFixture.world(), device: .cpu)
        return try run.run { _, _ in }.scores[0].reward
      }
      let plain = #"{"prompt": "a star"}"#
      let other = #"{"prompt": "a ring", "negative_prompt": "a heart"}"#
      let alone = try #require(try score([plain, plain], "alone.jsonl"))
      #expect(try score([plain, other], "mixed.jsonl") == alone)
    }
  }
}
