import PRDP
import Testing

@Suite struct KLLimitTests {
  @Test(arguments: [
    (KLLimit.Action.stop, 0.0, KLDecision.proceed), (.stop, 40, .proceed), (.stop, 40.1, .stop),
    (.stop, .nan, .stop), (.slow, 0, .proceed), (.slow, 20, .proceed),
    (.slow, 30, .slow(factor: 0.5)), (.slow, 40, .slow(factor: 0.01)),
    (.slow, 4000, .slow(factor: 0.01)), (.slow, .nan, .stop), (.slow, .infinity, .stop),
  ])
  func aLimitOfFortyNatsDecides(action: KLLimit.Action, kl: Double, expected: KLDecision) throws {
    #expect(try KLLimit(nats: 40, action: action).decision(atKL: kl) == expected)
  }

  @Test(arguments: [0, -1, Double.nan, .infinity])
  func aLimitMustBeAboveZero(nats: Double) {
    #expect(throws: PRDPError.self) { try KLLimit(nats: nats, action: .stop) }
  }

  @Test func slowingLetsTheKLCreepUpToTheLimitOnly() throws {
    let limit = try KLLimit(nats: 10, action: .slow)
    var kl = 0.0
    for _ in 0..<100 {
      switch limit.decision(atKL: kl) {
      case .proceed: kl += 1
      case .slow(let factor): kl += factor
      case .stop: Issue.record("slowing must not stop the run")
      }
    }
    #expect(kl > 9.9 && kl < 11)
  }
}
