import Foundation
import Testing

@testable import Scenes

@Suite struct ScenePromptsTests {
  @Test func thereAreMoreThanAMillionPrompts() {
    // One object: 2 * 10 * 10 * 5 scenes. Two: 200 * (2 * 9 * 10) * 4 * 5. Two templates of each.
    #expect(ScenePrompts.oneObjectCount == 2000)
    #expect(ScenePrompts.count == 2 * (1000 + 720_000))
    #expect(ScenePrompts.count > 1_000_000)
  }

  @Test func theIndexAndThePromptDetermineEachOther() {
    var generator = KeyedGenerator(key: 1)
    let ends = [0, 1, 1999, 2000, 2001, ScenePrompts.count - 1]
    for index in ends + (0..<3000).map({ _ in generator.below(ScenePrompts.count) }) {
      let prompt = ScenePrompts.prompt(at: index)
      #expect(ScenePrompts.sceneIndex(of: prompt.scene) == index / 2)
      #expect(prompt.template == ScenePrompt.Template.allCases[index % 2])
    }
  }

  @Test func everyPromptWithOneObjectIsDifferentAndHasOne() {
    let prompts = (0..<ScenePrompts.oneObjectCount).map(ScenePrompts.prompt)
    #expect(Set(prompts.map(\.text)).count == ScenePrompts.oneObjectCount)
    #expect(prompts.allSatisfy { $0.scene.neighbour == nil })
    #expect(ScenePrompts.prompt(at: ScenePrompts.oneObjectCount).scene.neighbour != nil)
  }
}

@Suite struct SplitTests {
  private func randomScene(_ generator: inout KeyedGenerator) -> Scene {
    ScenePrompts.prompt(at: generator.below(ScenePrompts.count)).scene
  }

  @Test func everyColourAndEveryShapeIsHeldOutOnce() {
    #expect(Set(Split.heldOutShapes.keys) == Set(Scene.Color.allCases))
    #expect(Set(Split.heldOutShapes.values) == Set(Scene.Shape.allCases))
  }

  @Test func aHeldOutPairDecidesInEitherPlace() {
    let pair = Scene.Object(size: .small, color: .purple, shape: .circle)
    let plain = Scene.Object(size: .large, color: .blue, shape: .square)
    let scenes = [
      Scene(object: pair, background: .gray),
      Scene(object: pair, neighbour: .init(.above, plain), background: .gray),
      Scene(object: plain, neighbour: .init(.above, pair), background: .gray),
    ]
    #expect(scenes.map { Split(of: $0) } == [.heldOutPairs, .heldOutPairs, .heldOutPairs])
  }

  @Test func mirroredScenesFallOnTheSameSide() throws {
    var generator = KeyedGenerator(key: 2)
    var heldOutCount = 0
    for _ in 0..<3000 {
      let scene = randomScene(&generator)
      guard let mirrored = scene.mirrored else { continue }
      #expect(mirrored.mirrored == scene)
      #expect(Split(of: mirrored) == Split(of: scene))
      heldOutCount += Split(of: scene) == .heldOut ? 1 : 0
    }
    #expect(heldOutCount > 0, "the sample tells something")
  }

  @Test func aboutTwoPercentOfTheOtherScenesAreHeldOut() {
    var generator = KeyedGenerator(key: 3)
    var counts: [Split: Int] = [:]
    for _ in 0..<8000 {
      counts[Split(of: randomScene(&generator)), default: 0] += 1
    }
    let (training, heldOut) = (counts[.training] ?? 0, counts[.heldOut] ?? 0)
    // About 6,500 draws at 2 %: a standard deviation of 0.17 %.
    let share = Double(heldOut) / Double(training + heldOut)
    #expect(abs(share - 0.02) < 0.007, "\(share)")
    // A pair is one object in ten: 1 - 0.9 * 0.9, less what differing colours change.
    let pairShare = Double(counts[.heldOutPairs] ?? 0) / 8000
    #expect(abs(pairShare - 0.19) < 0.02, "\(pairShare)")
  }

  @Test(arguments: Split.allCases)
  func randomPromptsBelongToTheirSplit(split: Split) {
    var generator = KeyedGenerator(key: 4)
    let prompts = (0..<200).map { _ in
      ScenePrompts.random(from: split, oneObjectShare: 0.5, using: &generator)
    }
    #expect(prompts.allSatisfy { Split(of: $0.scene) == split })
    let oneObjectCount = prompts.filter { $0.scene.neighbour == nil }.count
    #expect((65...135).contains(oneObjectCount), "\(oneObjectCount)")
  }
}

@Suite struct PromptFilesTests {
  private static let files = PromptFiles()
  /// Tests/ScenesTests/<this file>, three steps below the package.
  private static let packaged = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Sources/Scenes/Resources/prompts")

  @Test func thePackagedFilesAreWhatTheCodeWrites() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    defer { #expect(throws: Never.self) { try FileManager.default.removeItem(at: folder) } }
    try Self.files.write(to: folder)
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
        == ["seen.txt", "train.txt", "unseen-pairs.txt", "unseen.txt"])
    for (name, prompts) in Self.files.files {
      let written = try Data(contentsOf: folder.appending(path: name))
      #expect(written == Data(PromptFiles.contents(of: prompts).utf8), "\(name)")
      #expect(written == (try Data(contentsOf: Self.packaged.appending(path: name))), "\(name)")
    }
  }

  @Test func theListsHaveTheirSizesAndNoPromptTwice() {
    #expect(
      Self.files.files.map { Set($0.prompts).count } == [120_000, 512, 512, 512])
    #expect(
      Self.files.files.map(\.prompts.count) == [120_000, 512, 512, 512])
  }

  @Test func seenPromptsAreTrainedOnAndTheOthersNever() throws {
    let train = Set(Self.files.train)
    #expect(train.isSuperset(of: Self.files.seen))
    #expect(train.isDisjoint(with: Self.files.unseen))
    #expect(train.isDisjoint(with: Self.files.unseenPairs))
  }

  @Test func eachListKeepsToItsSplit() throws {
    // One training prompt in forty: parsing all takes long without optimisation.
    let sample = stride(from: 0, to: Self.files.train.count, by: 40).map { Self.files.train[$0] }
    for (prompts, split) in [
      (sample, Split.training), (Self.files.seen, .training), (Self.files.unseen, .heldOut),
      (Self.files.unseenPairs, .heldOutPairs),
    ] {
      let splits = try Set(prompts.map { Split(of: try Scene(caption: $0)) })
      #expect(splits == [split])
    }
  }

  @Test func theMeasuredListsHaveEquallyManyPromptsWithOneObject() throws {
    let counts = try [Self.files.seen, Self.files.unseen, Self.files.unseenPairs].map { prompts in
      try prompts.filter { try Scene(caption: $0).neighbour == nil }.count
    }
    #expect(counts == [24, 24, 24])
  }

  @Test func theVocabularyIsTheWordsOfThePrompts() {
    let prompts = Self.files.files.flatMap { $0.prompts.prefix(512) }
    #expect(
      Set(prompts.flatMap { $0.split(separator: " ").map(String.init) }).sorted()
        == ScenePrompts.words)
  }

  @Test func anUnwritableFolderIsNamed() {
    let error = #expect(throws: SceneError.self) {
      try Self.files.write(to: URL(fileURLWithPath: "/dev/null/prompts"))
    }
    #expect(
      error?.description.hasPrefix("the prompts could not be written to /dev/null/prompts (")
        == true)
  }
}
