import ClusterConfiguration
import Foundation
import Images
import Rewards
import Synchronization
import Testing

@testable import Training

@Suite(.serialized) struct BestCheckpointTests {
  /// Gives all images of an evaluation the same score, and those of the next one the next.
  private final class CourseReward: Reward {
    let name = "other"
    private let course: [Double]
    private let counter = Mutex(0)

    init(_ course: [Double]) {
      self.course = course
    }

    func score(_ images: [Image], prompts: [String]) -> [Score] {
      let place = counter.withLock { counter in
        counter += 1
        return counter - 1
      }
      return images.map { _ in .value(course[min(place, course.count - 1)]) }
    }
  }

  /// A disk that has no room for the checkpoint of step 2, or none at the first attempt.
  final class FullDisk: FileOperations {
    private let part: Part
    private let isLasting: Bool
    private let onFailure: @Sendable () -> Void
    private let hasFailed = Mutex(false)
    private let disk = DiskOperations()

    /// What fails: the folder at the beginning, or its name at the end.
    enum Part: CaseIterable {
      case begin
      case commit
    }

    init(
      _ part: Part, isLasting: Bool = true, onFailure: @escaping @Sendable () -> Void = {}
    ) {
      (self.part, self.isLasting, self.onFailure) = (part, isLasting, onFailure)
    }

    private func fail(_ part: Part, _ path: String) throws {
      guard part == self.part, path.contains("step-00000002") else { return }
      let isFirst = hasFailed.withLock { hasFailed in
        defer { hasFailed = true }
        return !hasFailed
      }
      guard isLasting || isFirst else { return }
      onFailure()
      throw FaultyOperations.Fault()
    }

    func exists(_ path: String) throws -> Bool { try disk.exists(path) }

    func createFolder(_ path: String) throws {
      try fail(.begin, path)
      try disk.createFolder(path)
    }

    func createFile(_ path: String, contents: Data) throws {
      try disk.createFile(path, contents: contents)
    }

    func createTensorFile(_ path: String, tensors: [HostTensor]) throws {
      try disk.createTensorFile(path, tensors: tensors)
    }

    func synchronizeFolder(_ path: String) throws { try disk.synchronizeFolder(path) }

    func rename(_ path: String, to newPath: String) throws {
      try fail(.commit, newPath)
      try disk.rename(path, to: newPath)
    }

    func remove(_ path: String) throws { try disk.remove(path) }
  }

  /// A run of four epochs with a step, an evaluation and a checkpoint each, of which two stay beside
  /// the best.
  ///
  /// - Parameter course: What the evaluations find, the first of them before the run.
  private func trainer(
    _ output: String = "run", in folder: String, course: [Double], disk: FullDisk? = nil,
    resume: Trainer.Resume = .latest, stop: StopRequest = StopRequest()
  ) throws -> Trainer {
    var configuration = try DebugFixture.configuration(in: folder)
    configuration.run.output = "\(folder)/\(output)"
    configuration.run.epochs = 4
    configuration.method.innerSteps = 1
    configuration.evaluation.sets = [.init(name: "some", prompts: "\(folder)/prompts.txt")]
    configuration.evaluation.imagesPerSet = 4
    configuration.evaluation.everyEpochs = 1
    configuration.evaluation.rewards = [.init(.jpegCompressibility, name: "other")]
    configuration.checkpoint.everyEpochs = 1
    configuration.checkpoint.keep = 2
    configuration.checkpoint.best = "some/other"
    configuration.logging.sampleImages = 0
    let world = try DebugFixture.world()
    let trainer = try Trainer(
      configuration, communicator: world, device: .cpu, resume: resume, stop: stop)
    trainer.heldOut = [.init(CourseReward(course), weight: 0)]
    if let disk {
      trainer.saver = CheckpointSaver(
        world, folder: checkpoints(of: trainer), retention: trainer.retention, owner: nil,
        operations: disk, warn: { _ in })
    }
    return trainer
  }

  private func checkpoints(of trainer: Trainer) -> String {
    RunFolder.checkpoints(in: trainer.configuration.run.output)
  }

  private func savedSteps(_ trainer: Trainer) throws -> [Int] {
    try makeStore(checkpoints(of: trainer)).checkpoints().map(\.step).sorted()
  }

  /// The best step as the summary has it.
  private func bestInSummary(_ trainer: Trainer) throws -> Int? {
    let summary =
      try JSONSerialization.jsonObject(
        with: contents(of: "\(trainer.configuration.run.output)/summary.json")) as? [String: Any]
    return (summary?["best"] as? [String: Any])?["step"] as? Int
  }

  @Test func aBestStepThatThisRunHasNoCheckpointOfIsForgotten() throws {
    try withScratchFolder { folder in
      let first = try trainer(in: folder, course: [9, 5, 3, 2, 1])
      #expect(try first.run() == .completed)
      #expect(try savedSteps(first) == [1, 3, 4])
      #expect(try trainer(in: folder, course: []).state.best?.step == 1)

      let newest = "\(checkpoints(of: first))/step-00000004"
      let other = try trainer(
        "other", in: folder, course: [2], resume: .checkpoint(path: newest))
      #expect(other.state.best == nil)
      #expect(try other.run() == .completed)
      #expect(try bestInSummary(other) == 4)
      #expect(try Set(savedSteps(other)) == [4])

      try DiskOperations().remove("\(checkpoints(of: first))/step-00000001")
      #expect(try trainer(in: folder, course: []).state.best == nil)
    }
  }

  @Test func aRewardWithANegativeWeightIsBestWhereItIsLowest() throws {
    var configuration = RunConfiguration()
    configuration.checkpoint.best = "some/other"
    func best(_ value: Double) throws -> BestCheckpoint {
      let result = EvaluationResult(
        set: "some", reward: 0, standardError: 0, count: 4,
        rewards: ["other": RewardMean(mean: value, standardError: 0)])
      return try #require(BestCheckpoint([result], of: configuration.checkpoint, step: 1))
    }
    let (low, high) = try (best(-3), best(2))
    for (weight, isLowest) in [(nil, false), (2, false), (-2, true)] as [(Double?, Bool)] {
      configuration.rewards =
        [.init(.sceneCorrect, weight: -1)]
        + (weight.map { [.init(.sceneAlignment, name: "other", weight: $0)] } ?? [])
      #expect(configuration.isLowestBest == isLowest)
      #expect(low.replaces(high, isLowestBest: configuration.isLowestBest) == isLowest)
      #expect(high.replaces(low, isLowestBest: configuration.isLowestBest) == !isLowest)
      #expect(!low.replaces(low, isLowestBest: configuration.isLowestBest))
    }
  }

  @Test(arguments: FullDisk.Part.allCases, [(value: 4.0, best: 1), (value: 6.0, best: 3)])
  func aBestStepThatIsNotSavedLeavesTheEarlierBest(
    part: FullDisk.Part, third: (value: Double, best: Int)
  ) throws {
    try withScratchFolder { folder in
      let trainer = try trainer(
        in: folder, course: [9, 5, 7, third.value, 1], disk: FullDisk(part))
      #expect(try trainer.run() == .completed)
      #expect(try savedSteps(trainer) == Set([third.best, 3, 4]).sorted())
      #expect(trainer.state.best?.step == third.best)
      #expect(try bestInSummary(trainer) == third.best)
      let listed = try RunCheckpoints(ofRun: trainer.configuration.run.output).list()
      #expect(listed.filter(\.isBest).map(\.step) == [third.best])
    }
  }

  @Test func aBestStepThatIsSavedAtTheSecondAttemptIsTheBest() throws {
    try withScratchFolder { folder in
      let stop = StopRequest()
      let trainer = try trainer(
        in: folder, course: [9, 5, 7],
        disk: FullDisk(.begin, isLasting: false, onFailure: stop.raise), stop: stop)
      #expect(try trainer.run() == .preempted)
      #expect(try savedSteps(trainer) == [1, 2])
      let resumed = try self.trainer(in: folder, course: [6, 1, 1])
      #expect(resumed.state.best?.step == 2)
      #expect(try resumed.run() == .completed)
      #expect(try savedSteps(resumed) == [2, 3, 4])
      #expect(try bestInSummary(resumed) == 2)
    }
  }
}
