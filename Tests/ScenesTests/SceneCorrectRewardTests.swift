import Images
import Testing

@testable import Scenes

@Suite struct SceneCorrectRewardTests {
  @Test func aTrueRenderingIsCorrectAndThatOfAnotherSceneIsNot() throws {
    let scenes = TestScenes.sample(8, key: 11)
    let prompts = scenes.map { ScenePrompt(scene: $0, template: .plain).text }
    let pictures = scenes.enumerated().map { TestScenes.picture(of: $1, key: UInt64($0)) }
    let reward = SceneCorrectReward()
    #expect(try reward.score(pictures, prompts: prompts) == Array(repeating: .value(1), count: 8))
    let others = Array(prompts.dropFirst()) + [prompts[0]]
    #expect(try reward.score(pictures, prompts: others) == Array(repeating: .value(0), count: 8))
  }

  @Test func aPictureWithPartialCreditIsWrong() throws {
    let picture = TestScenes.morph(
      .circle, .star, share: 0.5, color: Scene.Color.red.rgb, background: Scene.Background.white.rgb
    )
    let prompts = ["a large red circle on a white background"]
    let alignment = try SceneAlignmentReward().alignments(of: [picture], prompts: prompts)[0]
    #expect(alignment > 0.1 && alignment < 0.9)
    #expect(try SceneCorrectReward().score([picture], prompts: prompts) == [.value(0)])
  }

  @Test func aPictureOfTheWrongSizeIsRefused() {
    let small = Image(width: 1, height: 1, pixels: [0, 0, 0])
    #expect(throws: SceneError.self) {
      try SceneCorrectReward().score(
        [small], prompts: ["a large red circle on a white background"])
    }
  }
}
