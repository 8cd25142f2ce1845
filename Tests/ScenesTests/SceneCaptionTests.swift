import Testing

@testable import Scenes

@Suite struct SceneCaptionTests {
  private let redCircle = Scene.Object(size: .small, color: .red, shape: .circle)
  private let blueStar = Scene.Object(size: .large, color: .blue, shape: .star)

  @Test func captionsReadAsEnglish() {
    let one = Scene(object: redCircle, background: .navy)
    let two = Scene(
      object: redCircle, neighbour: .init(.leftOf, blueStar), background: .white)
    #expect(one.caption(.plain) == "a small red circle on a navy background")
    #expect(one.caption(.picture) == "a picture of a small red circle against a navy background")
    #expect(
      two.caption(.plain) == "a small red circle left of a large blue star on a white background")
    #expect(
      two.caption(.picture)
        == "a picture of a small red circle left of a large blue star against a white background")
  }

  @Test func readingACaptionGivesItsSceneAndTemplate() throws {
    var generator = KeyedGenerator(key: 7)
    for _ in 0..<2000 {
      let prompt = ScenePrompts.prompt(at: generator.below(ScenePrompts.count))
      #expect(try ScenePrompt(text: prompt.text) == prompt)
      #expect(try Scene(caption: prompt.text) == prompt.scene)
    }
  }

  @Test(
    arguments: [
      ("", 1, nil), ("a cat", 2, "cat"), ("A small red circle", 1, "A"),
      ("a small crimson circle on a white background", 3, "crimson"),
      ("a small red circle on a white", 8, nil),
      ("a small red circle on a white background and more", 9, "and"),
      ("a small red circle on a white background ", 9, ""),
      ("a small  red circle on a white background", 3, ""),
      ("a small red circle against a white background", 5, "against"),
      ("a picture of a small red circle on a white background", 8, "on"),
      ("a picture with a small red circle", 3, "with"),
      ("a small red circle left from a large blue star on a white background", 6, "from"),
      ("a small red circle above a large blue star below a large lime star", 10, "below"),
      ("a small red circle above the large blue star on a white background", 6, "the"),
      ("a small red circle on a pink background", 7, "pink"),
      ("a small red circle on a white ground", 8, "ground"),
    ] as [(String, Int, String?)])
  func theFirstWordThatDoesNotFitIsNamed(caption: String, position: Int, word: String?) {
    let error = #expect(throws: SceneError.self) { try Scene(caption: caption) }
    guard case .unexpectedWord(caption, position, word, let expected) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(!expected.isEmpty)
  }

  @Test(arguments: [
    (
      "a small crimson circle on a white background",
      "word 3 of the caption \"a small crimson circle on a white background\" must be red, orange, "
        + "yellow, lime, green, cyan, blue, purple, pink, brown, got \"crimson\""
    ),
    (
      "a cat",
      "word 2 of the caption \"a cat\" must be picture, small, large, got \"cat\""
    ),
    (
      "a small red circle near a large blue star on a white background",
      "word 5 of the caption \"a small red circle near a large blue star on a white background\" "
        + "must be on, left, right, above, below, got \"near\""
    ),
    (
      "a small red circle on a white",
      "word 8 of the caption \"a small red circle on a white\" must be background, got its end"
    ),
    (
      "a small red circle on a white background please",
      "word 9 of the caption \"a small red circle on a white background please\" must be its end, "
        + "got \"please\""
    ),
    (
      "a small red circle above a large red star on a white background",
      "word 8 of the caption \"a small red circle above a large red star on a white background\" "
        + "must be another colour than the first object's, got \"red\""
    ),
  ])
  func errorsSayWhatWasExpectedAndWhatCame(caption: String, text: String) {
    let error = #expect(throws: SceneError.self) { try Scene(caption: caption) }
    #expect(error?.description == text)
  }
}
