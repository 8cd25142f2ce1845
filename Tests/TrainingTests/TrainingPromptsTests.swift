import CLIP
import ClusterConfiguration
import Foundation
import MPI
import Scenes
import TestSupport
import Testing
import Torch

@testable import Training

/// Of one test process there is one MPI.
@Suite(.serialized) struct TrainingPromptsTests {
  private func prompts(_ paths: String..., weights: [Int], tokens: Int? = nil) throws
    -> TrainingPrompts
  {
    let tokenizer = try tokens.map {
      try CLIPTokenizer(
        vocabulary: CLIPVocabulary.build(words: ScenePrompts.words, modelMaxLength: $0))
    }
    var builder = PromptIndexBuilder(tokenizer: tokenizer)
    for path in paths { try builder.add(path: path) }
    let (header, words) = try builder.finish()
    return try TrainingPrompts(PromptIndex(header, words), weights: weights, seed: 1)
  }

  @Test func filesTakeTurnsByTheirWeights() throws {
    try withScratchFolder { folder in
      let a = try write("a0\na1\na2\n".utf8, to: "\(folder)/a.txt")
      let b = try write("[\"b0\", \"b1\"]".utf8, to: "\(folder)/b.json")
      let prompts = try prompts(a, b, weights: [2, 1])
      #expect(prompts.count == 5)
      let drawn = try (0..<9).map { try prompts.prompt(at: $0).text }
      #expect(drawn.map { $0.prefix(1) } == ["a", "b", "a", "a", "b", "a", "a", "b", "a"])
      #expect(Set(drawn) == ["a0", "a1", "a2", "b0", "b1"])
    }
  }

  @Test func whatIsUnusualIsSaid() throws {
    try withScratchFolder { folder in
      let a = try write(
        "a small red circle\nred red red red\nred red red blue\nred red red red\n".utf8,
        to: "\(folder)/a.txt")
      let prompts = try prompts(a, weights: [1], tokens: 5)
      #expect(prompts.notes == ["duplicates among the training prompts, left out: 1"])
      #expect(
        prompts.warnings == [
          "prompts with more tokens than the text encoder reads, whose ends have no effect: 4, the "
            + "first at \(a):1"
        ])
      #expect(try self.prompts(a, weights: [1], tokens: 6).warnings.isEmpty)
    }
  }

  @Test func aSetThatIsTrainedOnIsSaid() throws {
    try withScratchFolder { folder in
      let prompts = try prompts(
        write("one\ntwo\nthree\n".utf8, to: "\(folder)/a.txt"), weights: [1])
      func overlap(_ text: String) throws -> (text: String, isWarning: Bool)? {
        try prompts.overlap(
          with: "s", PromptFile(path: write(text.utf8, to: "\(folder)/set.txt")))
      }
      #expect(try overlap("four\nfive\n") == nil)
      let seen = try #require(try overlap("one\n three\n"))
      #expect(seen == ("evaluation set s: its 2 prompts are all training prompts", false))
      let leak = try #require(try overlap("four\n\nthree\none\n"))
      #expect(
        leak == (
          "evaluation set s: 2 of its 3 prompts are training prompts, the first at "
            + "\(folder)/set.txt:3", true
        ))
    }
  }

  @Test func promptsAreToldFromOthersByTheirFiles() throws {
    try withScratchFolder { folder in
      let a = try write("one\ntwo\n".utf8, to: "\(folder)/a.txt")
      let b = try write("two\nthree\n".utf8, to: "\(folder)/b.txt")
      let c = try write("three\nthree\n".utf8, to: "\(folder)/c.txt")
      let hash = try prompts(a, weights: [1]).sha256
      // What checkpoints of runs with one file hold.
      #expect(hash == sha256(of: try contents(of: a)))
      let hashes = try [
        hash, prompts(b, weights: [1]).sha256, prompts(a, b, weights: [1, 1]).sha256,
        prompts(b, a, weights: [1, 1]).sha256, prompts(c, weights: [1]).sha256,
        sha256(of: contents(of: c)),
      ]
      #expect(Set(hashes).count == hashes.count)
    }
  }

  @Test func aRunSaysWhichFileChanged() throws {
    try withTemporaryFolder { folder in
      let configuration = try DebugFixture.configuration(in: folder.path)
      let trainer = try Trainer(
        configuration, communicator: DebugFixture.world(), device: .cpu, resume: .never)
      let path = configuration.data.prompts[0].path
      let file = try FileHandle(forUpdating: URL(filePath: path))
      try file.truncate(atOffset: 3)
      guard case .failed(let reason, let status) = try trainer.run() else {
        Issue.record("the run went on")
        return
      }
      #expect(reason.hasPrefix("\(path): expected the file as it was when"), "\(reason)")
      #expect(status == 1)
    }
  }

  /// A run whose prompts have the negative prompt, or none where it is empty.
  private func run(
    negative: String, guidance: Double, in folder: String, epochs: Int = 1
  ) throws -> Trainer {
    var configuration = try DebugFixture.configuration(in: folder)
    let lines = try text(of: configuration.data.prompts[0].path).split(separator: "\n").map {
      "{\"prompt\": \"\($0)\", \"negative_prompt\": \"\(negative)\"}\n"
    }
    let path = try write(lines.joined().utf8, to: "\(folder)/prompts-\(negative.count).jsonl")
    configuration.data.prompts = [.init(path: path)]
    configuration.sampler.guidance = guidance
    configuration.run.epochs = epochs
    configuration.run.output = "\(folder)/\(UUID())"
    configuration.evaluation.sets = [.init(name: "same", prompts: path)]
    configuration.evaluation.imagesPerSet = 4
    let trainer = try Trainer(
      configuration, communicator: DebugFixture.world(), device: .cpu, resume: .never)
    #expect(try trainer.run() == .completed)
    return trainer
  }

  private func weights(_ trainer: Trainer) throws -> [Float] {
    try trainer.policy.trainable.flatMap { try $0.tensor.detached().values(as: Float.self) }
  }

  @Test func aNegativePromptActsWhereThereIsGuidance() throws {
    try withTemporaryFolder { folder in
      func outcome(_ negative: String, _ guidance: Double) throws -> ([Float], Data) {
        let trainer = try run(negative: negative, guidance: guidance, in: folder.path)
        let grid = "\(trainer.configuration.run.output)/samples/before-same.png"
        return (try weights(trainer), try contents(of: grid))
      }
      let (plain, plainGrid) = try outcome("", 1)
      let (unguided, _) = try outcome("a large blue star", 1)
      #expect(unguided == plain)
      let (guided, guidedGrid) = try outcome("", 3)
      let (negative, negativeGrid) = try outcome("a large blue star", 3)
      #expect(guided != plain && negative != guided)
      #expect(guidedGrid != plainGrid && negativeGrid != guidedGrid)
    }
  }

  /// The checks of a debug run hold sampling, reference, both passes and autograd against each other.
  @Test func allPassesTakeTheSameNegativePrompt() throws {
    try withTemporaryFolder { folder in
      var configuration = try DebugFixture.configuration(in: folder.path)
      let path = try write(
        """
        prompt,negative_prompt
        a small red circle above a large blue star on a white background,a large green ring
        a large green ring on a black background,
        a small pink heart on a white background,a small red circle
        """.utf8, to: "\(folder.path)/prompts.csv")
      configuration.data.prompts = [.init(path: path)]
      configuration.sampler.guidance = 3
      let (outcome, lines) = try DebugFixture.run(configuration)
      #expect(outcome == .completed, "\(lines)")
    }
  }

  @Test func eachPromptIsEncodedOnceAnEpoch() throws {
    try withTemporaryFolder { folder in
      func encodedCount(_ negative: String, guidance: Double, prompts: Int = 4) throws -> Int {
        var configuration = try DebugFixture.configuration(in: folder.path)
        let things = ["circle", "star", "ring", "heart"].flatMap { ["small \($0)", "large \($0)"] }
        let lines: [String] = things.map { thing in
          let (size, shape) = (thing.prefix(5), thing.dropFirst(6))
          return "a \(size) red \(shape) on a white background\t\(negative)\n"
        }
        let path = try write(
          ("prompt\tnegative_prompt\n" + lines.joined()).utf8, to: "\(folder.path)/many.tsv")
        configuration.data.prompts = [.init(path: path)]
        configuration.method.promptsPerEpoch = prompts
        configuration.method.innerSteps = 3
        configuration.sampler.guidance = guidance
        let trainer = try Trainer(
          configuration, communicator: DebugFixture.world(), device: .cpu)
        // From the second epoch on the reference is another than the policy.
        _ = try trainer.runEpoch()
        let before = trainer.policy.model.encodedPromptCount
        _ = try trainer.runEpoch()
        return trainer.policy.model.encodedPromptCount - before
      }
      // The negative prompt was encoded in the first epoch.
      let counts = try [
        encodedCount("", guidance: 1), encodedCount("a star", guidance: 1),
        encodedCount("a star", guidance: 3),
        // The eight of them, and four again.
        encodedCount("", guidance: 1, prompts: 12),
      ]
      #expect(counts == [4, 4, 4, 8])
    }
  }
}
