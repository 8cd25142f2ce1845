import Foundation
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
    limit.noteLongPart(seconds: 20)
    limit.noteSave(seconds: 7)
    for seconds in 1...52 { #expect(!look(Double(seconds), &limit)) }
    #expect(look(54, &limit))

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
}
