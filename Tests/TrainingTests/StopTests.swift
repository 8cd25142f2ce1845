import ClusterConfiguration
import Foundation
import Images
import Rewards
import Synchronization
import Testing

@testable import Training

@Suite(.serialized) struct StopTests {
  @Test func theTimeOfTheLongestPartIsLeftTwiceAndThatOfASave() {
    let start = ContinuousClock.now
    func look(_ seconds: Double, _ limit: inout TimeLimit) -> Bool {
      limit.look(at: start + .seconds(seconds))
    }
    var limit = TimeLimit(seconds: 100, since: start)
    #expect(!look(10, &limit))
    // 78 + 2 * 10 is still within it, 81 + 2 * 10 not any more.
    for seconds in stride(from: 15.0, through: 75, by: 10) { #expect(!look(seconds, &limit)) }
    #expect(!look(78, &limit))
    #expect(look(81, &limit))

    limit = TimeLimit(seconds: 100, since: start)
    limit.noteSave(seconds: 7)
    for seconds in 1...90 { #expect(!look(Double(seconds), &limit)) }
    #expect(look(92, &limit))

    // What took long to load does not take long again.
    limit = TimeLimit(seconds: 100, since: start)
    limit.begin(at: start + .seconds(60))
    #expect(!look(61, &limit))
    // Of a part that cannot be stopped in only what is before it has to leave the time for it.
    limit.expect(seconds: 20)
    #expect(look(62, &limit))
    #expect(!look(63, &limit))

    limit = TimeLimit(seconds: nil, since: start)
    #expect(!look(1e9, &limit))
  }

  @Test func aRunThatIsAskedToStopIsSavedAndGoesOn() throws {
    try withScratchFolder { folder in
      var configuration = try DebugFixture.configuration(in: folder)
      configuration.run.epochs = 3
      func trainer(_ stop: StopRequest) throws -> Trainer {
        try Trainer(
          configuration, communicator: DebugFixture.world(), device: .cpu, resume: .latest,
          stop: stop)
      }
      let stop = StopRequest()
      stop.raise()
      let stopped = try trainer(stop)
      #expect(try stopped.run() == .preempted)
      let store = stopped.checkpoints(in: "\(configuration.run.output)/checkpoints")
      #expect(try store.newestValid()?.step == 0)

      let resumed = try trainer(StopRequest())
      #expect(resumed.isResumed)
      #expect(try resumed.run() == .completed)
      #expect(resumed.state.epoch == 3)
    }
  }

  /// A run of two epochs of three steps, to its end or its stop.
  private func run(
    _ output: String, in folder: String, resume: Trainer.Resume = .latest,
    stop: StopRequest = StopRequest(), reward: (any Reward)? = nil, everySteps: Int = 0
  ) throws -> (trainer: Trainer, outcome: RunOutcome) {
    var configuration = try DebugFixture.configuration(in: folder)
    configuration.run.output = "\(folder)/\(output)"
    configuration.checkpoint.everySteps = everySteps
    configuration.checkpoint.keep = 10
    let trainer = try Trainer(
      configuration, communicator: DebugFixture.world(), device: .cpu, resume: resume, stop: stop)
    if let reward { trainer.reward = try WeightedReward([.init(reward, weight: 1)]) }
    return (trainer, try trainer.run())
  }

  private func expectEqual(_ one: Trainer, _ other: Trainer) throws {
    #expect(one.state.step == other.state.step && one.state.epoch == other.state.epoch)
    #expect(one.state.imageCount == other.state.imageCount)
    for (parameter, expected) in zip(
      one.policy.trainable + one.optimizer.state, other.policy.trainable + other.optimizer.state)
    {
      #expect(
        try parameter.tensor.values(as: Double.self) == expected.tensor.values(),
        "\(parameter.name)")
    }
  }

  /// The numbers of a run's steps in its metrics, seconds apart.
  private func steps(_ trainer: Trainer) throws -> [String] {
    try text(of: "\(trainer.configuration.run.output)/metrics.jsonl").split(separator: "\n")
      .filter { $0.contains(#""kind":"step""#) }
      .map { String($0).replacing(/"seconds":\{[^}]*\}/, with: "") }
  }

  @Test func aRunSavedBetweenTwoInnerStepsGoesOnToTheSameBits() throws {
    try withScratchFolder { folder in
      let straight = try run("straight", in: folder, everySteps: 1)
      #expect(straight.outcome == .completed)
      let checkpoints = "\(straight.trainer.configuration.run.output)/checkpoints"
      #expect(
        try names(in: checkpoints).filter { $0.hasPrefix("step-") }
          == (1...6).map { "step-0000000\($0)" })
      for step in [1, 2, 4, 5] {
        let checkpoint = try Checkpoint(path: "\(checkpoints)/step-0000000\(step)")
        #expect(checkpoint.holds(Rollout.groupName))
        let resumed = try run(
          "from-\(step)", in: folder, resume: .checkpoint(path: checkpoint.path))
        #expect(resumed.outcome == .completed)
        try expectEqual(resumed.trainer, straight.trainer)
        #expect(try steps(resumed.trainer) == steps(straight.trainer).suffix(6 - step))
      }
      #expect(
        try !Checkpoint(path: "\(checkpoints)/step-00000003").holds(Rollout.groupName))
    }
  }

  /// Raises a request when it has scored some prompts' images.
  private final class StoppingReward: Reward {
    let name = "stopping"
    let stop: StopRequest
    private let counter = Mutex(0)
    private let count: Int

    var scoredCount: Int { counter.withLock { $0 } }

    init(_ stop: StopRequest, after count: Int) {
      self.stop = stop
      self.count = count
    }

    func score(_ images: [Image], prompts: [String]) -> [Score] {
      let scored = counter.withLock { counter in
        counter += 1
        return counter
      }
      if scored == count { stop.raise() }
      return images.indices.map { .value(Double($0 % 3)) }
    }
  }

  @Test(arguments: 1...4)
  func whatWasDrawnBeforeAStopIsNotDrawnAgain(promptCount: Int) throws {
    try withScratchFolder { folder in
      let never = StoppingReward(StopRequest(), after: 0)
      let straight = try run("straight", in: folder, reward: never)
      #expect(never.scoredCount == 4)

      let stop = StopRequest()
      let some = StoppingReward(stop, after: promptCount)
      let stopped = try run("stopped", in: folder, stop: stop, reward: some)
      #expect(stopped.outcome == .preempted)
      #expect(stopped.trainer.state.step == (promptCount <= 2 ? 0 : 3))
      // The next may have been drawn already when the stop was asked for.
      #expect((promptCount...promptCount + 1).contains(some.scoredCount))
      let rest = StoppingReward(StopRequest(), after: 0)
      let resumed = try run("stopped", in: folder, reward: rest)
      #expect(resumed.outcome == .completed)
      #expect(rest.scoredCount == 4 - some.scoredCount)
      try expectEqual(resumed.trainer, straight.trainer)
      #expect(try steps(resumed.trainer) == steps(straight.trainer))
    }
  }

  /// Takes the run over, as another start of the program does, when it scores.
  private struct UsurpingReward: Reward {
    let name = "usurping"
    let folder: RunFolder

    func score(_ images: [Image], prompts: [String]) throws -> [Score] {
      _ = try RunOwner(takingOver: folder)
      return images.indices.map { .value(Double($0 % 3)) }
    }
  }

  @Test func aRunThatAnotherStartTookOverEndsAndSavesNothing() throws {
    try withScratchFolder { folder in
      let output = try RunFolder(path: "\(folder)/run")
      let (_, outcome) = try run("run", in: folder, reward: UsurpingReward(folder: output))
      guard case .failed(let reason, let exitStatus) = outcome else {
        Issue.record("the run went on")
        return
      }
      #expect(reason.contains("another attempt owns this run"))
      #expect(exitStatus == 2)
      #expect(try names(in: output.checkpoints).isEmpty)
    }
  }

  @Test func whatAnotherStartSavedBeforeThisOneOwnedTheRunIsNotTrainedPast() throws {
    try withScratchFolder { folder in
      var configuration = try DebugFixture.configuration(in: folder)
      configuration.run.output = "\(folder)/run"
      let trainer = try Trainer(
        configuration, communicator: DebugFixture.world(), device: .cpu, resume: .never)
      let output = try RunFolder(path: "\(folder)/run")
      try trainer.checkThatNothingWasSavedSince(in: output)
      try SavedRun.save(4000, in: makeStore(output.checkpoints, keep: 3))
      #expect {
        try trainer.checkThatNothingWasSavedSince(in: output)
      } throws: { error in
        (error as? TrainingError)?.exitStatus == 1
          && "\(error)"
            == "\(output.checkpoints)/step-00004000: expected nothing newer than what the run goes on "
            + "from, found what another start of the program saved meanwhile: start again, from there"
      }
    }
  }

  @Test func aNewRunSaysWhichItIs() throws {
    try withScratchFolder { folder in
      func identity() throws -> RunIdentity {
        try JSONDecoder().decode(RunIdentity.self, from: contents(of: "\(folder)/run/run.json"))
      }
      let (trainer, _) = try run("run", in: folder)
      let first = try identity()
      #expect(first.formatVersion == 1 && first.modelSHA256 == trainer.state.modelSHA256)
      _ = try run("run", in: folder)
      #expect(try identity() == first)
    }
  }

  @Test func aSavedRunHasARecordOfIt() throws {
    try withScratchFolder { folder in
      let (trainer, _) = try run("run", in: folder)
      let lines = try text(of: "\(trainer.configuration.run.output)/metrics.jsonl")
        .split(separator: "\n").filter { $0.contains(#""kind":"checkpoint""#) }
      #expect(lines.count == 1)
      #expect(lines[0].contains(#""step":6"#) && lines[0].contains(#""secondsBlocked":"#))
    }
  }
}
