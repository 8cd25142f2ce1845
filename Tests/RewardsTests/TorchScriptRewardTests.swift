import Foundation
import Images
import Rewards
import TestSupport
import Testing
import Torch
import TorchNN

@Suite struct TorchScriptRewardTests {
  /// Two of one size: levels 0, 51 and 102, and 255 throughout.
  private let images = [
    Image(width: 2, height: 1, pixels: [0, 51, 102, 0, 51, 102]),
    Image(width: 2, height: 1, pixels: [255, 255, 255, 255, 255, 255]),
  ]

  private func path(_ name: String) -> String {
    Golden.fixtures.appending(path: "rewards/\(name).pt").path
  }

  @Test(arguments: [1, 2, 10])
  func theScoreIsWhatTheModuleReturns(batchSize: Int) throws {
    // scripts/golden/reward_golden.py: twice the mean plus the prompt's length; the deviation.
    let withPrompts = try TorchScriptReward(path: path("length"), batchSize: batchSize)
    let scores = try withPrompts.values(images, prompts: ["abc", "\u{e9}"])
    // TorchScript counts bytes.
    #expect(zip(scores, [2 * 0.2 + 3, 2 + 2]).allSatisfy { abs($0 - $1) < 1e-6 })
    #expect(withPrompts.name == "torchscript")

    let without = try TorchScriptReward(path: path("contrast"), batchSize: batchSize)
    let deviation = (0.2 * 0.2 * 4 / 5.0).squareRoot()
    let found = try without.values(images, prompts: ["abc", "x"])
    #expect(zip(found, [deviation, 0]).allSatisfy { abs($0 - $1) < 1e-6 })
  }

  @Test func whatIsNoNumberIsMissing() throws {
    let reward = try TorchScriptReward(path: path("hollow"), batchSize: 2)
    let scores = try reward.score(images, prompts: ["a", "b"])
    #expect(scores[0].value.map { abs($0 - 0.2) < 1e-6 } == true)
    #expect(scores[1] == .missing(reason: "its network computed nan"))
  }

  @Test func channelsRowsAndColumnsAreWhereTheyBelong() throws {
    let wide = Image(width: 3, height: 1, pixels: [255, 0, 0, 255, 0, 0, 255, 0, 0])
    let reward = try TorchScriptReward(path: path("maps"), batchSize: 1)
    let error = #expect(throws: ModelError.self) { try reward.values([wide], prompts: ["x"]) }
    #expect(
      error?.description
        == "\(path("maps")): forward must return one score for each of 1 images, [1], it returned "
        + "[1, 1, 3]")
  }

  @Test(arguments: [
    ("pair", "forward must take (Tensor) or (Tensor, List[str]), it takes (Tensor, int)"),
    ("nothing", "open file failed because of errno 2"),
  ])
  func aModuleThatCannotServeIsRefused(name: String, reason: String) {
    let error = #expect(throws: TensorError.self) {
      try TorchScriptReward(path: path(name), batchSize: 1)
    }
    #expect(error?.description.contains("load \(path(name))") == true)
    #expect(error?.description.contains(reason) == true, "\(error?.description ?? "")")
  }

  @Test func whatIsNoModuleIsRefused() throws {
    let text = Golden.fixtures.appending(path: "rewards/versions.json").path
    let error = #expect(throws: TensorError.self) {
      try TorchScriptReward(path: text, batchSize: 1)
    }
    #expect(error?.description.contains("load \(text)") == true, "\(error?.description ?? "")")
  }

  @Test func whatTheModuleSaysOfAnErrorIsPassedOn() throws {
    let reward = try TorchScriptReward(path: path("length"), batchSize: 2)
    let error = #expect(throws: TensorError.self) {
      try reward.values(images, prompts: ["right", "wrong"])
    }
    #expect(
      error?.description.contains("no score for this prompt") == true, "\(error?.description ?? "")"
    )
    // The next call is none the worse for it.
    #expect(try reward.values(images, prompts: ["a", "b"]).count == 2)
  }

  @Test func aResultThatIsNoTensorIsRefused() throws {
    let reward = try TorchScriptReward(path: path("number"), batchSize: 2)
    let error = #expect(throws: TensorError.self) {
      try reward.values(images, prompts: ["a", "b"])
    }
    #expect(
      error?.description.contains("forward must return a Tensor, it returned Double") == true,
      "\(error?.description ?? "")")
  }

  @Test func imagesOfTwoSizesAreRefused() throws {
    let reward = try TorchScriptReward(path: path("contrast"), batchSize: 2)
    let other = Image(width: 1, height: 1, pixels: [0, 0, 0])
    let error = #expect(throws: ModelError.self) {
      try reward.values([images[0], other], prompts: ["a", "b"])
    }
    #expect(
      error?.description
        == "a torchscript reward takes images of one size, got 1x1, 2x1: scale them to one")
  }

  @Test func nothingIsLeftBehind() async {
    await #expect(processExitsWith: .success) {
      let path = Golden.fixtures.appending(path: "rewards/length.pt").path
      let images = [Image(width: 1, height: 1, pixels: [1, 2, 3])]
      for prompt in ["right", "wrong", "right"] {
        let reward = try TorchScriptReward(path: path, batchSize: 1)
        _ = try? reward.values(images, prompts: [prompt])
      }
      #expect(Runtime.liveHandleCount == 0)
    }
  }

  @Test(.enabled(if: Python.hasDiffusers, "needs torch in .venv: scripts/setup --golden"))
  func theExampleScriptWritesAReward() throws {
    try withTemporaryFolder { folder in
      let file = folder.appending(path: "reward.pt").path
      let end = try Python.run(script: "scripts/torchscript_reward.py", [file])
      #expect(end.exitCode == 0, "\(end.output)")
      let reward = try TorchScriptReward(path: file, batchSize: 2)
      let scores = try reward.values(images, prompts: ["a blue star", "a red and blue star"])
      #expect(zip(scores, [2.0 / 3, 2.0 / 3]).allSatisfy { abs($0 - $1) < 1e-6 })
    }
  }
}
