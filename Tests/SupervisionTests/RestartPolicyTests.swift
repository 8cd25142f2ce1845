import Testing

@testable import Supervision

@Suite struct RestartPolicyTests {
  private func policy(
    restarts: Int = 3, delay: Int = 10, hosts: [String] = [], leavesHostsOut: Bool = true,
    stopsAreAsked: Bool = false, checkpoint: CommittedCheckpoint? = nil
  ) -> RestartPolicy {
    RestartPolicy(
      restarts: restarts, delay: delay, hosts: hosts, leavesHostsOut: leavesHostsOut,
      stopsAreAsked: stopsAreAsked, checkpoint: checkpoint)
  }

  private func ending(
    _ status: Int32, toldToStop: Bool = false, blamed: Set<String> = [], step: Int? = nil,
    committed committedStep: Int? = nil, revision: Int = 0
  ) -> RestartPolicy.Ending {
    var ending = RestartPolicy.Ending(status: status)
    ending.wasToldToStop = toldToStop
    ending.blamedHosts = blamed
    ending.step = step
    ending.checkpoint = committedStep.map { CommittedCheckpoint(step: $0, revision: revision) }
    return ending
  }

  @Test(arguments: [0, 2, 3] as [Int32])
  func anEndThatWouldBeTheSameAgainIsTheEnd(_ status: Int32) {
    var policy = policy()
    #expect(policy.decide(after: ending(status)) == .end(status: status, explanation: nil))
  }

  @Test(arguments: [1, 75, 134, 137, 139, 205, 255] as [Int32])
  func allElseIsStartedAgain(_ status: Int32) {
    var policy = policy()
    #expect(
      policy.decide(after: ending(status)) == .restart(afterSeconds: 10, withoutHosts: []))
  }

  @Test func aStopThatWasAskedForIsPassedOnAndAnotherOneIsNot() {
    var (asked, timed, unasked) = (policy(), policy(stopsAreAsked: true), policy())
    #expect(
      asked.decide(after: ending(85, toldToStop: true)) == .end(status: 85, explanation: nil))
    #expect(timed.decide(after: ending(85)) == .end(status: 85, explanation: nil))
    #expect(unasked.decide(after: ending(85)) == .restart(afterSeconds: 10, withoutHosts: []))
  }

  @Test func aRunThatWasToldToStopIsNotStartedAgain() {
    var policy = policy()
    #expect(
      policy.decide(after: ending(143, toldToStop: true))
        == .end(status: 143, explanation: "it was stopped before it had saved"))
  }

  @Test func theWaitDoublesUpToFiveMinutes() {
    var policy = policy(restarts: 20)
    let waits = (0..<8).map { _ -> Int in
      guard case .restart(let seconds, _) = policy.decide(after: ending(1)) else { return -1 }
      return seconds
    }
    #expect(waits == [10, 20, 40, 80, 160, 300, 300, 300])
  }

  @Test func aRunThatDiesAtTheSameStepEachTimeIsGivenUpAndTheStepNamed() {
    var policy = policy(restarts: 2, checkpoint: .init(step: 8))
    for _ in 0..<2 {
      #expect(policy.decide(after: ending(139, step: 12, committed: 8)).isRestart)
    }
    #expect(
      policy.decide(after: ending(139, step: 12, committed: 8))
        == .end(
          status: 139,
          explanation: "the run ended 3 times in a row without a new checkpoint in between, "
            + "each time at step 12; the newest checkpoint is that of step 8"))
  }

  @Test func differentStepsAreNamedInTheirOrder() {
    var policy = policy(restarts: 1)
    _ = policy.decide(after: ending(1, step: 3))
    #expect(
      policy.decide(after: ending(1))
        == .end(
          status: 1,
          explanation: "the run ended 2 times in a row without a new checkpoint in between, "
            + "at step 3, its start"))
  }

  @Test func aNewCheckpointMakesTheCountBeginAgain() {
    var policy = policy(restarts: 1)
    for step in 1...10 {
      #expect(
        policy.decide(after: ending(1, step: step + 1, committed: step))
          == .restart(afterSeconds: 10, withoutHosts: []))
    }
    #expect(!policy.decide(after: ending(1, step: 11, committed: 10)).isRestart)
  }

  @Test func anotherSaveOfAStepIsANewCheckpointToo() {
    var policy = policy(restarts: 1, checkpoint: .init(step: 10))
    for revision in 1...5 {
      let ending = ending(1, step: 10, committed: 10, revision: revision)
      #expect(policy.decide(after: ending) == .restart(afterSeconds: 10, withoutHosts: []))
    }
    #expect(!policy.decide(after: ending(1, committed: 10, revision: 5)).isRestart)
  }

  @Test func noRestartsMeansNone() {
    var policy = policy(restarts: 0)
    #expect(!policy.decide(after: ending(1)).isRestart)
  }

  @Test func aHostThatFailsTwiceIsLeftOut() {
    var policy = policy(restarts: 5, hosts: ["h1", "h2"])
    #expect(
      policy.decide(after: ending(205, blamed: ["h2"]))
        == .restart(afterSeconds: 10, withoutHosts: []))
    #expect(
      policy.decide(after: ending(205, blamed: ["h2"]))
        == .restart(afterSeconds: 20, withoutHosts: ["h2"]))
    // The last host is never left out, and one that is out stays so.
    for _ in 0..<3 {
      let decision = policy.decide(after: ending(205, blamed: ["h1"]))
      guard case .restart(_, let hosts) = decision else { Issue.record("\(decision)"); return }
      #expect(hosts == ["h2"])
    }
  }

  @Test func failuresBeforeANewCheckpointDoNotCountAgainstAHost() {
    var policy = policy(hosts: ["h1", "h2"])
    _ = policy.decide(after: ending(205, blamed: ["h2"], committed: 1))
    #expect(
      policy.decide(after: ending(205, blamed: ["h2"], committed: 2))
        == .restart(afterSeconds: 10, withoutHosts: []))
  }

  @Test func aRunThatWentBackHasANewCheckpointOnceItsStepDiffers() {
    var policy = policy(restarts: 1, checkpoint: .init(step: 20))
    #expect(policy.decide(after: ending(1, committed: 20)).isRestart)
    #expect(policy.decide(after: ending(1, committed: 10)).isRestart)
    #expect(!policy.decide(after: ending(1, committed: 10)).isRestart)
  }

  @Test func aHostThatComesBackSlowlyUsesUpNoRestarts() {
    var policy = policy(restarts: 1, hosts: ["h1", "h2"], leavesHostsOut: false)
    #expect(policy.decide(after: ending(205, blamed: ["h2"])).isRestart)
    var lost = ending(255, blamed: ["h2"])
    lost.reason = "no way to h2"
    for seconds in stride(from: 0, through: 900, by: 30) {
      lost.secondsWithoutWay = seconds
      #expect(policy.decide(after: lost) == .restart(afterSeconds: 10, withoutHosts: []))
    }
    lost.secondsWithoutWay = 930
    #expect(
      policy.decide(after: lost)
        == .end(status: 255, explanation: "no way to h2 for 15 minutes"))
    // The run itself has failed but once so far.
    #expect(!policy.decide(after: ending(205)).isRestart)
  }

  @Test(
    arguments: [
      (["h2", "h3"], ["h2", "h3"], []), (["h1", "h2", "h3"], ["h2", "h3"], []),
      (["h2"], ["h2", "h3"], ["h2"]), (["h2"], ["h2"], ["h2"]), ([], [], []), (["h1"], [], ["h1"]),
    ] as [(Set<String>, Set<String>, Set<String>)])
  func nobodyIsBlamedWhereTheNetworkFailed(
    _ failed: Set<String>, _ remote: Set<String>, _ blamed: Set<String>
  ) {
    var ending = ending(255, blamed: failed)
    ending.excuseHosts(ofNetwork: remote)
    #expect(ending.blamedHosts == blamed)
  }

  @Test func noHostIsLeftOutWhereAllAreWantedAndItIsNamedAtTheEnd() {
    var policy = policy(restarts: 2, hosts: ["h1", "h2"], leavesHostsOut: false)
    for seconds in [10, 20] {
      #expect(
        policy.decide(after: ending(205, blamed: ["h2"]))
          == .restart(afterSeconds: seconds, withoutHosts: []))
    }
    guard case .end(205, let explanation?) = policy.decide(after: ending(205, blamed: ["h2"]))
    else { Issue.record("no end"); return }
    #expect(explanation.hasSuffix("the host that it began with: h2 3 of them"))
  }
}

extension RestartPolicy.Decision {
  fileprivate var isRestart: Bool {
    if case .restart = self { true } else { false }
  }
}
