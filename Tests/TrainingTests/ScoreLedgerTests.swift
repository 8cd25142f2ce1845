import ClusterConfiguration
import Foundation
import Images
import Rewards
import Synchronization
import Testing

@testable import Training

@Suite struct ScoreLedgerTests {
  /// Scores by the first sample, and notes what it is asked; a picture that begins with 0 may have
  /// no score.
  private final class CostlyReward: PaidReward {
    let name: String
    let identity: String
    private let hasLapses: Bool
    private let asked = Mutex<[String]>([])

    var prompts: [String] { asked.withLock { $0 } }

    init(name: String = "pick", identity: String = "pick 1", hasLapses: Bool = true) {
      self.name = name
      self.identity = identity
      self.hasLapses = hasLapses
    }

    func score(
      _ images: [Image], prompts: [String],
      onAttempt: @escaping @Sendable (Range<Int>, ScoringAttempt) -> Void
    ) throws -> [Score] {
      asked.withLock { $0 += prompts }
      let scores = images.map { image -> Score in
        hasLapses && image.pixels[0] == 0
          ? .missing(reason: "too dark") : .value(Double(image.pixels[0]) / 3)
      }
      // One answer for each two images.
      for start in stride(from: 0, to: images.count, by: 2) {
        let indices = start..<min(start + 2, images.count)
        onAttempt(indices, .answered(Array(scores[indices]), seconds: 0.25))
      }
      return scores
    }
  }

  private func image(_ level: UInt8) -> Image { Image(width: 1, height: 1, pixels: [level, 1, 2]) }

  private func ledger(_ folder: String, rank: Int = 0, indexLimit: Int = 100) throws -> ScoreLedger
  {
    try ScoreLedger(
      folder: "\(folder)/ledger", rank: rank, seeds: ScoreSeeds(training: 11, evaluation: 12),
      indexLimit: indexLimit, advice: "name another folder"
    ) { _ in }
  }

  private func scores(
    _ ledger: ScoreLedger, _ levels: [UInt8], _ reward: CostlyReward, prompt: String = "a"
  ) throws -> [Double?] {
    try ledger.scores(
      of: levels.map(image), prompts: levels.map { _ in prompt },
      places: levels.indices.map { ImagePlace(set: "train", position: 7, index: $0) }, by: reward
    ).map(\.value)
  }

  @Test func whatWasPaidForIsNotAskedForAgain() throws {
    try withScratchFolder { folder in
      let reward = CostlyReward()
      do {
        let ledger = try ledger(folder)
        #expect(try scores(ledger, [3, 0, 6], reward) == [1, nil, 2])
        #expect(try scores(ledger, [9, 3, 6], reward) == [3, 1, 2])
        #expect(reward.prompts.count == 4)
      }
      // By another rank of another start.
      let ledger = try ledger(folder, rank: 5)
      #expect(try scores(ledger, [6, 3, 9], reward) == [2, 1, 3])
      #expect(reward.prompts.count == 4)
      // One that was missing is.
      #expect(try scores(ledger, [6, 0], reward) == [2, nil])
      #expect(reward.prompts.count == 5)
    }
  }

  @Test func anotherPromptPictureOrRewardIsAnotherRequest() throws {
    try withScratchFolder { folder in
      let ledger = try ledger(folder)
      let reward = CostlyReward()
      _ = try scores(ledger, [3], reward)
      _ = try scores(ledger, [3], reward, prompt: "b")
      _ = try scores(ledger, [4], reward)
      #expect(reward.prompts == ["a", "b", "a"])
      let other = CostlyReward(identity: "pick 2")
      _ = try scores(ledger, [3], other)
      #expect(other.prompts == ["a"])
      #expect(
        image(3).sha256 != Image(width: 3, height: 1, pixels: Array(repeating: 3, count: 9)).sha256)
    }
  }

  @Test func aLineSaysWhatWasAskedAndAnswered() throws {
    try withScratchFolder { folder in
      _ = try scores(try ledger(folder, rank: 2), [3, 0], CostlyReward())
      let names = try names(in: "\(folder)/ledger")
      #expect(names.count == 1 && names[0].hasSuffix("-2.jsonl"))
      let lines = try text(of: "\(folder)/ledger/\(names[0])").split(separator: "\n")
      // sha256sum of "1x1\n" and the bytes 3, 1, 2; of "pick 1".
      #expect(
        lines.first.map(String.init) == """
          {"identity":"\(sha256(of: Data("pick 1".utf8)))",\
          "image":"\(sha256(of: Data("1x1\n".utf8) + [3, 1, 2]))","index":0,"position":7,\
          "prompt":"a","rank":2,"reward":"pick","score":1,"seconds":0.25,"seed":11,"set":"train"}
          """)
      #expect(lines.last?.contains(#""reason":"too dark""#) == true)
      #expect(
        ScoreSeeds(training: 11, evaluation: 12)[ImagePlace(set: "unseen", position: 0, index: 0)]
          == 12)
    }
  }

  @Test func theNewestOfTwoFilesIsThatOfTheLaterTimeWhateverTheRank() throws {
    try withScratchFolder { folder in
      _ = try scores(try ledger(folder), [3], CostlyReward())
      let name = try names(in: "\(folder)/ledger")[0]
      let line = try text(of: "\(folder)/ledger/\(name)")
      let other = line.replacingOccurrences(of: #""score":1,"#, with: #""score":5,"#)
      try FileManager.default.removeItem(atPath: "\(folder)/ledger/\(name)")
      try write(Array(other.utf8), to: "\(folder)/ledger/1000-11.jsonl")
      try write(Array(line.utf8), to: "\(folder)/ledger/2000-2.jsonl")
      #expect(try scores(try ledger(folder), [3], CostlyReward()) == [1])
    }
  }

  @Test func aLineAfterATornOneIsALineOfItsOwn() async {
    await #expect(processExitsWith: .success) {
      let folder = NSTemporaryDirectory() + "prdp-ledger-\(getpid())"
      defer { try? FileManager.default.removeItem(atPath: folder) }
      let reward = CostlyReward()
      let tests = ScoreLedgerTests()
      do {
        let ledger = try tests.ledger(folder)
        signal(SIGXFSZ, SIG_IGN)
        // The disk has room for the first line, and for half of the second.
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
        limit.rlim_cur = 500
        setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
        for level in 1...2 { _ = try tests.scores(ledger, [UInt8(level)], reward) }
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
        for level in 3...4 { _ = try tests.scores(ledger, [UInt8(level)], reward) }
      }
      // Only what was torn is asked for again.
      _ = try tests.scores(try tests.ledger(folder), [1, 2, 3, 4], reward)
      #expect(reward.prompts.count == 5)
    }
  }

  @Test func aFolderThatCannotBeIsRefusedWithTheAdviceOfItsUser() throws {
    try withScratchFolder { folder in
      try write([], to: "\(folder)/ledger")
      #expect(
        errorText { _ = try ledger(folder) }
          == "\(folder)/ledger: expected a folder, or nothing yet, found a file: name another folder"
      )
    }
  }

  @Test func aTornLineAndForeignOnesArePassedOver() throws {
    try withScratchFolder { folder in
      let reward = CostlyReward()
      _ = try scores(try ledger(folder), [3, 6, 9], reward)
      let path = "\(folder)/ledger/" + (try names(in: "\(folder)/ledger")[0])
      var bytes = try contents(of: path)
      bytes = Data("{}\n\nnot JSON\n".utf8) + bytes.dropLast(30)
      try write(bytes, to: path)
      try write("garbage".utf8, to: "\(folder)/ledger/notes.txt")
      let ledger = try ledger(folder)
      #expect(try scores(ledger, [3, 6, 9], reward) == [1, 2, 3])
      #expect(reward.prompts.count == 4)
    }
  }

  @Test func theNewestScoresAreKnownAndNoMoreThanTheLimit() throws {
    try withScratchFolder { folder in
      let reward = CostlyReward()
      do {
        let ledger = try ledger(folder, indexLimit: 10)
        for level in 1...40 { _ = try scores(ledger, [UInt8(level)], reward) }
        #expect(reward.prompts.count == 40)
        _ = try scores(ledger, [36, 37, 38, 39, 40], reward)
        #expect(reward.prompts.count == 40)
        _ = try scores(ledger, [1], reward)
        #expect(reward.prompts.count == 41)
      }
      var index = ScoreIndex(limit: 10)
      try index.read("\(folder)/ledger", byteLimit: 1 << 20)
      #expect((5...10).contains(index.count))
      // Of what is read, only so many bytes at the end of the newest file.
      var little = ScoreIndex(limit: 100)
      try little.read("\(folder)/ledger", byteLimit: 1000)
      #expect((1...3).contains(little.count))
    }
  }

  @Test func aScoreThatIsNotedAgainCountsOnceAndIsAmongTheNewest() {
    func record(_ image: String, _ score: Double) -> LedgerRecord {
      LedgerRecord(
        reward: "pick", identity: "pick 1", prompt: "a", set: "train", position: 0, index: 0,
        seed: 1, image: image, score: score, seconds: 1, rank: 0)
    }
    var index = ScoreIndex(limit: 6)
    for (place, image) in ["a", "b", "c", "a", "d"].enumerated() {
      index.note(record(image, Double(place)))
    }
    #expect(index.count == 4)
    index.note(record("e", 5))
    #expect(["a", "b", "c", "d", "e"].map { index[record($0, 0).key] } == [3, nil, nil, 4, 5])
    #expect(index.count == 3)
  }

  @Test func aFileLargerThanAPieceIsReadWhole() throws {
    try withScratchFolder { folder in
      let reward = CostlyReward()
      do {
        let ledger = try ledger(folder)
        let long = String(repeating: "é", count: 40_000)
        for level in 1...60 { _ = try scores(ledger, [UInt8(level)], reward, prompt: long) }
      }
      var index = ScoreIndex(limit: 1000)
      try index.read("\(folder)/ledger", byteLimit: 1 << 30)
      #expect(index.count == 60)
    }
  }

  @Test(arguments: [true, false])
  func aRunAsksForNothingTwice(keepsLedger: Bool) throws {
    try withScratchFolder { folder in
      let reward = CostlyReward(hasLapses: false)
      func finish(_ resume: Trainer.Resume) throws -> Trainer {
        var configuration = try DebugFixture.configuration(in: folder)
        configuration.scoring.ledger = keepsLedger
        configuration.evaluation.sets = [.init(name: "some", prompts: "\(folder)/prompts.txt")]
        configuration.evaluation.imagesPerSet = 3
        configuration.logging.sampleImages = 0
        // Its ledger is opened where the configuration names a reward that costs.
        configuration.rewards = [.init(.command, name: "pick")]
        configuration.rewards[0].program = ["true"]
        let trainer = try Trainer(
          configuration, communicator: DebugFixture.world(), device: .cpu, resume: resume)
        trainer.reward = try WeightedReward([.init(reward, weight: 1)])
        #expect(try trainer.run() == .completed)
        return trainer
      }
      let first = try finish(.never)
      let count = reward.prompts.count
      // Two epochs of two prompts with four images, and three images twice.
      #expect(count == 2 * 2 * 4 + 2 * 3)
      try FileManager.default.removeItem(atPath: "\(folder)/run/checkpoints")
      let again = try finish(.never)
      #expect(reward.prompts.count == (keepsLedger ? count : 2 * count))
      for (one, other) in zip(first.policy.trainable, again.policy.trainable) {
        #expect(try one.tensor.values(as: Float.self) == other.tensor.values())
      }
    }
  }
}
