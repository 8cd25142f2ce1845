import Foundation
import Rewards
import TestSupport
import Testing
import Torch
import TorchNN

/// What scripts/convert_reward.py makes of published checkpoints.
@Suite(.enabled(if: Python.hasDiffusers, "needs transformers in .venv: scripts/setup --golden"))
struct ConvertedRewardTests {
  private func convert(_ arguments: String...) throws {
    let end = try Python.run(script: "scripts/convert_reward.py", arguments)
    #expect(end.exitCode == 0, "\(end.output)")
  }

  @Test func aCheckpointOfHPSv2GivesTheScoresOfOpenCLIP() throws {
    let fixture = Golden.fixtures.appending(path: "open-clip")
    try withTemporaryFolder { scratch in
      let base = scratch.appending(path: "base")
      try FileManager.default.copyItem(at: Golden.fixtures.appending(path: "tokenizer"), to: base)
      for name in ["config.json", "preprocessor_config.json"] {
        try FileManager.default.copyItem(
          at: fixture.appending(path: name), to: base.appending(path: name))
      }
      let folder = scratch.appending(path: "hpsv2").path
      try convert("hpsv2", fixture.appending(path: "checkpoint.pt").path, base.path, folder)

      let reward = try CLIPSimilarityReward(.hpsv2, folder: folder, batchSize: 4)
      let scores = try reward.values(
        GoldenPictures().images, prompts: ModelRewardTests.prompts)
      let expected = try Golden("open-clip/scores.safetensors")("hpsv2").values(as: Double.self)
      #expect(scores.count == expected.count)
      #expect(zip(scores, expected).allSatisfy { abs($0 - $1) < 1e-5 })
    }
  }

  @Test func aHeadKeepsItsTensors() throws {
    try withTemporaryFolder { scratch in
      let head = scratch.appending(path: "head.safetensors").path
      try convert("aesthetic", Golden.fixtures.appending(path: "rewards/legacy-mlp.pth").path, head)
      let (found, expected) = try (
        Data(contentsOf: URL(filePath: head)),
        Data(contentsOf: Golden.fixtures.appending(path: "rewards/legacy-mlp.safetensors"))
      )
      #expect(found == expected)
    }
  }
}
