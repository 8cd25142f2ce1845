import Foundation
import Images
import Testing

@testable import Rewards

@Suite struct HTTPRewardTests {
  private func reward(
    _ paths: String..., batchSize: Int = 4, parallel: Int = 1, retries: Int = 0,
    timeout: Double = 20, authorizationFrom: String? = nil
  ) throws -> ServiceReward {
    try ServiceReward(
      name: "pick", identity: "",
      limits: .init(batchSize: batchSize, parallel: parallel, retries: retries),
      http: HTTPSettings(
        urls: paths.map { $0.hasPrefix("http") ? URL(string: $0) : TestServer.shared.url($0) }
          .compactMap(\.self), timeout: timeout, maxResponseBytes: 1_000_000,
        authorizationFrom: authorizationFrom))
  }

  /// The first message without the address.
  private func reason(_ scores: [Score]) -> String? {
    scores[0].missingReason?.replacingOccurrences(of: TestServer.shared.address, with: "")
  }

  @Test func aServiceIsAskedInBatchesAndItsScoresComeInOrder() throws {
    let reward = try reward("/ok", batchSize: 2, parallel: 3)
    for _ in 0..<3 {
      #expect(
        try reward.score(["1", "-2.5", "null", "1e-3", "4"]).map(\.value)
          == [1, -2.5, nil, 0.001, 4])
    }
  }

  @Test func aRequestIsTheSameJSONWithoutAnId() throws {
    let scores = try reward("/keys").score(["1"])
    #expect(
      scores[0].missingReason == #"it says: [["images", "prompts"], "application/json"]"#)
  }

  static let faults = [
    ("/silent", "gave no answer within 1.5 s"),
    ("/drip", "gave no answer within 1.5 s"),
    ("/drip-headers", "gave no answer within 1.5 s"),
    ("/huge", "must answer with at most 1000000 bytes, got more"),
    ("/huge-promise", "must answer with at most 1000000 bytes, got more"),
    ("/endless", "must answer with at most 1000000 bytes, got more"),
    ("/bomb", "must answer with at most 1000000 bytes, got more"),
    ("/redirect", "must answer with status 200, got a redirection, status 307"),
    ("/error", "must answer with status 200, got 500: <h1>broken</h1>"),
    ("/bad", "must answer with status 200, got 400: no such prompt"),
    ("/closes", "closed the connection"),
    ("/short", "closed the connection"),
    ("/no-http", "must answer in HTTP, got something else"),
    (
      "/html",
      "must answer a JSON object such as {\"scores\": [0.5, null]}, got <html>sign in</html>"
    ),
    ("/too-few", "must give 2 scores, one for each image, got 0"),
    (
      "/nan",
      "must answer a JSON object such as {\"scores\": [0.5, null]}, got {\"scores\": [NaN, NaN]}"
    ),
  ]

  @Test(arguments: faults)
  func whatBreaksTheProtocolIsSaidAndTheScoresAreMissing(path: String, message: String) throws {
    // A busy machine may take a while for what is not about time.
    let isAboutTime = message.contains("1.5 s")
    let start = ContinuousClock.now
    let scores = try reward(path, timeout: isAboutTime ? 1.5 : 60).score(["1", "2"])
    if isAboutTime { #expect((ContinuousClock.now - start) / .seconds(1) < 180, "\(path)") }
    #expect(scores.count == 2)
    #expect(reason(scores) == "the service at \(path) \(message)")
  }

  @Test func whoTakesNoConnectionsIsNamed() throws {
    let scores = try reward("http://127.0.0.1:1/score?key=secret").score(["1"])
    #expect(
      scores[0].missingReason == "the service at http://127.0.0.1:1/score takes no connections")
    let unknown = try reward("http://no-such-host.invalid/").score(["1"])
    #expect(
      unknown[0].missingReason
        == "the service at http://no-such-host.invalid/ has a host that is not known")
  }

  @Test func aRedirectionIsNotFollowed() throws {
    #expect(try reward("/redirect/once", retries: 2).score(["1"])[0].value == nil)
    #expect(try TestServer.shared.count("/ok/redirected") == 0)
    // The same place would say the same; another one may not.
    #expect(try TestServer.shared.count("/redirect/once") == 1)
    #expect(try reward("/redirect/a", "/ok/b", retries: 2).score(["1"])[0].value == 1)
  }

  @Test func whatAServiceRefusesSaysNothingOfOtherRequests() throws {
    let reward = try reward("/picky/a", batchSize: 1, retries: 2)
    for _ in 0..<10 {
      let scores = try reward.score(["-1"])
      #expect(
        reason(scores)
          == "the service at /picky/a must answer with status 200, got 400: no such prompt")
    }
    #expect(try TestServer.shared.count("/picky/a") == 10)
    #expect(try reward.score(["5"]) == [.value(5)])
  }

  @Test func anAnswerThatSaysWhyIsNoFailure() throws {
    let reward = try reward("/refuses", retries: 3)
    for _ in 0..<8 {
      #expect(try reward.score(["1"]) == [.missing(reason: "it says: no face")])
    }
  }

  @Test func whatMayGoWellAnotherTimeIsTriedAgain() throws {
    #expect(try reward("/flaky/a", retries: 2).score(["5"]) == [.value(5)])
    #expect(try TestServer.shared.count("/flaky/a") == 3)
    // One attempt too few, and what does not get better.
    #expect(try reward("/flaky/b", retries: 1).score(["5"])[0].value == nil)
    #expect(try TestServer.shared.count("/flaky/b") == 2)
    _ = try reward("/bad/a", retries: 3).score(["5"])
    #expect(try TestServer.shared.count("/bad/a") == 1)
  }

  @Test func ofSeveralPlacesOneThatFailsIsLeftOut() throws {
    let reward = try reward("/error/left-out", "/ok/left-out", batchSize: 1, retries: 1)
    for _ in 0..<10 { #expect(try reward.score(["5"]) == [.value(5)]) }
    #expect(try (1...3).contains(TestServer.shared.count("/error/left-out")))
    #expect(try TestServer.shared.count("/ok/left-out") == 10)
  }

  @Test func placesShareTheRequests() throws {
    let reward = try reward("/slow/1", "/slow/2", "/slow/3", batchSize: 1, parallel: 3)
    _ = try reward.score((0..<30).map { "\($0)" })
    let counts = try (1...3).map { try TestServer.shared.count("/slow/\($0)") }
    #expect(counts.reduce(0, +) == 30)
    #expect(counts.allSatisfy { (7...13).contains($0) }, "\(counts)")
  }

  @Test func theNextRequestGoesWhereTheFewestAreUnderWay() throws {
    let urls = ["http://a", "http://b"].compactMap(URL.init(string:))
    let endpoints = Endpoints(urls)
    let now = ContinuousClock.now
    let first = endpoints.take(at: now)
    let second = endpoints.take(at: now)
    #expect(first.index == 0 && second.index == 1)
    endpoints.giveBack(1, succeeded: true, at: now)
    #expect(endpoints.take(at: now).index == 1)
    endpoints.giveBack(1, succeeded: false, at: now)
    // The other has one under way, but this one failed.
    #expect(endpoints.take(at: now).index == 0)
    #expect(endpoints.take(at: now + .seconds(0.9)).index == 0)
    #expect(endpoints.take(at: now + .seconds(1.1)).index == 1)
    // Another failure in a row leaves it out for longer.
    endpoints.giveBack(1, succeeded: false, at: now)
    #expect(endpoints.take(at: now + .seconds(1.9)).index == 0)
    #expect(endpoints.take(at: now + .seconds(2.1)).index == 1)
    // Where all failed the first that may be asked again is.
    for _ in 0..<5 { endpoints.giveBack(0, succeeded: false, at: now) }
    #expect(endpoints.take(at: now).index == 1)
  }

  @Test func aSecretComesFromTheEnvironmentAndIsNeverShown() throws {
    setenv("PRDP_TEST_SECRET", "Bearer 7h3-k3y", 1)
    defer { unsetenv("PRDP_TEST_SECRET") }
    #expect(
      try reward("/authorized", authorizationFrom: "PRDP_TEST_SECRET").score(["5"]) == [.value(5)])
    #expect(try reward("/authorized").score(["5"])[0].value == nil)
    let scores = try reward("/secret", authorizationFrom: "PRDP_TEST_SECRET").score(["5"])
    #expect(
      reason(scores) == "the service at /secret must answer with status 200, got 401: you sent …")
    for value in ["", "a\nb"] {
      setenv("PRDP_TEST_SECRET", value, 1)
      let error = #expect(throws: RewardError.self) {
        try reward("/ok", authorizationFrom: "PRDP_TEST_SECRET")
      }
      #expect(
        error?.description
          == "reward pick expects a header's value in the environment variable PRDP_TEST_SECRET, "
          + "which is empty or no such value: set it, and name it in cluster.environment for ranks "
          + "on other hosts")
    }
  }
}
