import Foundation
import Images
import Synchronization
import TestSupport
import Testing

@testable import Rewards

@Suite struct CommandRewardTests {
  @Test func aProgramIsAskedInBatchesAndItsScoresComeInOrder() throws {
    let reward = try TestProgram.honest.reward(batchSize: 2, parallel: 2)
    let prompts = ["1", "-2.5", "null", "1e-3", "4"]
    for _ in 0..<3 {
      let scores = try reward.score(prompts)
      #expect(scores.map(\.value) == [1, -2.5, nil, 0.001, 4])
      #expect(scores[2].missingReason == "it gave no score")
    }
    #expect(try reward.score([]).isEmpty)
  }

  @Test func whatWasAnsweredIsToldAtOnceWithItsPlace() throws {
    let reward = try TestProgram.honest.reward(batchSize: 2)
    let told = Mutex<[Range<Int>: [Double?]]>([:])
    let seconds = Mutex<[Double]>([])
    _ = try reward.score(
      (0..<3).map { TestImage.of($0) }, prompts: ["1", "2", "3"]
    ) { indices, attempt in
      guard case .answered(let scores, let time) = attempt else { return }
      seconds.withLock { $0.append(time) }
      told.withLock { $0[indices] = scores.map(\.value) }
    }
    #expect(seconds.withLock { $0.count == 2 && $0.allSatisfy { $0 > 0 } })
    #expect(told.withLock(\.self) == [0..<2: [1, 2], 2..<3: [3]])
  }

  @Test func anAttemptThatFailsIsToldToo() throws {
    let told = Mutex<[ScoringAttempt]>([])
    let scores = try TestProgram("asked(); sys.exit(9)").reward(retries: 2)
      .score([TestImage.of(0)], prompts: ["a"]) { _, attempt in told.withLock { $0.append(attempt) }
      }
    let reason = "the program ended with status 9"
    #expect(scores == [.missing(reason: reason)])
    #expect(told.withLock(\.self) == Array(repeating: .failed(reason: reason), count: 3))
  }

  @Test func aRequestHasThePromptAndThePNGOfEachImage() throws {
    let program = TestProgram(
      """
      import base64
      request = asked()
      heads = [base64.b64decode(image)[:8] for image in request["images"]]
      say({"id": 1, "error": json.dumps([sorted(request), request["prompts"], [list(h) for h in heads]])})
      """)
    let scores = try program.reward().score(["a \"cat\"\nand é", "b"])
    #expect(scores.allSatisfy { $0.value == nil })
    let png = "[137, 80, 78, 71, 13, 10, 26, 10]"
    #expect(
      scores[0].missingReason?.hasPrefix(
        #"it says: [["id", "images", "prompts"], ["a \"cat\"\nand \u00e9", "b"], ["# + png.prefix(8)
      )
        == true, "\(scores[0])")
  }

  @Test func imagesCanBeSentAsPathsOfFilesThatAreGoneAfterwards() throws {
    let program = TestProgram(
      """
      while True:
        request = asked()
        ok = all(open(path, "rb").read(8) == b"\\x89PNG\\r\\n\\x1a\\n" for path in request["paths"])
        scores = [1 if ok else 0 for _ in request["paths"]]
        say({"id": request["id"], "scores": scores})
        print(os.path.dirname(request["paths"][0]), file=sys.stderr, flush=True)
      """)
    let lines = Lines()
    do {
      let reward = try program.reward(sendsPaths: true, passOn: lines.add)
      for _ in 0..<2 { #expect(try reward.score(["a", "b"]) == [.value(1), .value(1)]) }
    }
    let line = try #require(lines.all.first)
    let folder = line.dropFirst("reward pick: ".count)
    #expect(folder.contains("/prdp-") && !FileManager.default.fileExists(atPath: String(folder)))
  }

  @Test func standardErrorIsPassedOnWithTheRewardsName() throws {
    let program = TestProgram(
      """
      print("loading\\x1b[31m the model\\r50 %", file=sys.stderr, flush=True)
      request = asked()
      for line in range(1000): print("noise", line, file=sys.stderr)
      sys.stderr.flush()
      say({"id": 1, "scores": [1]})
      """)
    let lines = Lines()
    let reward = try program.reward(passOn: lines.add)
    #expect(try reward.score(["a"]) == [.value(1)])
    // What follows the answer is read with the next request, which finds that the program has ended.
    #expect(try reward.score(["a"])[0].missingReason?.contains("ended with status 0") == true)
    #expect(lines.all.prefix(2) == ["reward pick: loading [31m the model", "reward pick: 50 %"])
    #expect(
      lines.all.count <= 200 && lines.all.contains("reward pick: and more, which is left out"))
  }

  /// Programs that do not keep to the protocol, and what is said of each.
  static let faults: [(program: TestProgram, reason: String)] = [
    (
      TestProgram("garbage", "asked(); say('Downloading: 5 %')"),
      "must answer a JSON object such as {\"id\": 1, \"scores\": [0.5, null]}, got Downloading: 5 %"
    ),
    (
      TestProgram("HTML", "asked(); say('<html><body>502 Bad Gateway</body></html>')"),
      "must answer a JSON object such as {\"id\": 1, \"scores\": [0.5, null]}, got <html><body>502 "
        + "Bad Gateway</body></html>"
    ),
    (
      TestProgram("control characters", "asked(); say('\\x1b[2J\\x00')"),
      "must answer a JSON object such as {\"id\": 1, \"scores\": [0.5, null]}, got [2J"
    ),
    (
      TestProgram("an empty line", "asked(); say('')"),
      "must answer a JSON object such as {\"id\": 1, \"scores\": [0.5, null]}, got nothing"
    ),
    (
      TestProgram("a list", "asked(); say([1, 2])"),
      "must answer a JSON object such as {\"id\": 1, \"scores\": [0.5, null]}, got [1, 2]"
    ),
    (
      TestProgram("depth", "asked(); say('[' * 30000)"),
      "must answer a JSON object such as {\"id\": 1, \"scores\": [0.5, null]}, got "
        + String(repeating: "[", count: 80) + "…"
    ),
    (
      TestProgram("another id", "asked(); say({'id': 7, 'scores': [1, 2]})"),
      "must answer request 1 with \"id\": 1, got id 7"
    ),
    (
      TestProgram("no id", "asked(); say({'scores': [1, 2]})"),
      "must answer request 1 with \"id\": 1, got no id"
    ),
    (
      TestProgram("no scores", "asked(); say({'id': 1, 'score': [1, 2]})"),
      "must answer with \"scores\" or \"error\", got {\"id\": 1, \"score\": [1, 2]}"
    ),
    (
      TestProgram("too few", "asked(); say({'id': 1, 'scores': [1]})"),
      "must give 2 scores, one for each image, got 1"
    ),
    (
      TestProgram("too many", "asked(); say({'id': 1, 'scores': [1, 2, 3]})"),
      "must give 2 scores, one for each image, got 3"
    ),
    (
      TestProgram("NaN in words", "asked(); say({'id': 1, 'scores': [1, 'NaN']})"),
      "must give numbers or null for scores, got the text \"NaN\" for image 1"
    ),
    (
      TestProgram("a truth", "asked(); say({'id': 1, 'scores': [True, 1]})"),
      "must give numbers or null for scores, got true for image 0"
    ),
    (
      TestProgram("a list of lists", "asked(); say({'id': 1, 'scores': [[1], [2]]})"),
      "must give numbers or null for scores, got a list or an object for image 0"
    ),
    (
      TestProgram("NaN", "asked(); say({'id': 1, 'scores': [1, float('nan')]})"),
      "must answer a JSON object such as {\"id\": 1, \"scores\": [0.5, null]}, got "
        + "{\"id\": 1, \"scores\": [1, NaN]}"
    ),
    (
      TestProgram("two answers", "asked(); say('{\"id\": 1, \"scores\": [1, 2]}\\n{\"id\": 2}')"),
      "must answer a request with one line, got more: {\"id\": 2}"
    ),
    (
      TestProgram("an answer before the request", "say('ready'); time.sleep(60)"),
      "answered before it had read the request: ready"
    ),
    (
      TestProgram("a line without end", "asked()\nwhile True: sys.stdout.write('x' * 65536)"),
      "must answer with a line of at most 65664 bytes, got more: "
        + String(repeating: "x", count: 80) + "…"
    ),
    (
      TestProgram("an end", "asked(); sys.exit(3)"),
      "ended with status 3"
    ),
    (
      TestProgram("an exception", "asked()\nraise ValueError('no such model')"),
      "ended with status 1; its last words: ValueError: no such model"
    ),
    (
      TestProgram("a crash", "asked(); os.kill(os.getpid(), signal.SIGSEGV)"),
      "was killed by signal 11"
    ),
    (
      TestProgram("a closed output", "asked(); os.close(1); time.sleep(60)"),
      "closed its standard output"
    ),
    (
      TestProgram("a closed input", "os.close(0); time.sleep(60)"),
      "closed its standard input"
    ),
  ]

  @Test(arguments: faults.indices)
  func whatBreaksTheProtocolIsSaidAndTheScoresAreMissing(fault: Int) throws {
    let (program, reason) = Self.faults[fault]
    // Images of a side of 400 fill any pipe: a program that does not read them stops the writing.
    let scores = try program.reward().score(["a", "b"], side: 400)
    #expect(
      scores.map(\.missingReason) == Array(repeating: "the program \(reason)", count: 2),
      "\(program.name)")
  }

  static let silences = [
    TestProgram("silence", "asked(); time.sleep(60)"),
    TestProgram("a request that is not read", "time.sleep(60)"),
    TestProgram("signals that are ignored", "signal.signal(15, signal.SIG_IGN)\nwhile True: pass"),
    TestProgram(
      "a byte now and then",
      "asked()\nwhile True: sys.stdout.write('1'); sys.stdout.flush(); time.sleep(0.05)"),
    TestProgram(
      "standard error without end",
      "asked()\nwhile True: os.write(2, b'no ' * 1000)"),
    TestProgram("a stopped process", "os.kill(os.getpid(), signal.SIGSTOP)"),
  ]

  @Test(arguments: silences.indices)
  func whoIsSilentForTooLongIsKilled(silence: Int) throws {
    let program = Self.silences[silence]
    let reward = try program.reward(timeout: 0.7)
    let start = ContinuousClock.now
    let scores = try reward.score(["a"], side: 400)
    #expect((ContinuousClock.now - start) / .seconds(1) < 5, "\(program.name)")
    let reason = try #require(scores[0].missingReason)
    #expect(reason.hasPrefix("the program gave no answer within 0.7 s"), "\(program.name)")
  }

  @Test func aProgramThatFailedIsStartedAgainAndAskedTheSame() throws {
    try withTemporaryFolder { folder in
      // Fails in another way at each start, until the fourth.
      let program = TestProgram(
        """
        path = "\(folder.path)/starts"
        start = len(open(path).read()) if os.path.exists(path) else 0
        open(path, "a").write("x")
        request = asked()
        if start == 0: sys.exit(1)
        if start == 1: say("garbage")
        if start == 2: time.sleep(60)
        say({"id": request["id"], "scores": [5]})
        while True:
          request = asked()
          say({"id": request["id"], "scores": [6]})
        """)
      let reward = try program.reward(retries: 3, timeout: 2)
      #expect(try reward.score(["a"]) == [.value(5)])
      #expect(try reward.score(["a"]) == [.value(6)])
      #expect(try String(contentsOf: folder.appending(path: "starts"), encoding: .utf8) == "xxxx")
    }
  }

  @Test func theFirstAnswerMayTakeLonger() throws {
    let slow = TestProgram(
      """
      time.sleep(1.5)
      for _ in range(2):
        request = asked()
        say({"id": request["id"], "scores": [1]})
      request = asked()
      time.sleep(1.5)
      """)
    let reward = try slow.reward(timeout: 1, startTimeout: 20)
    #expect(try reward.score(["a"]) == [.value(1)])
    #expect(try reward.score(["a"]) == [.value(1)])
    #expect(try reward.score(["a"])[0].missingReason == "the program gave no answer within 1 s")
  }

  /// Ends when it is asked, where `folder/dead` is, and notes each start there.
  private func mortal(_ folder: URL) -> TestProgram {
    TestProgram(
      """
      open("\(folder.path)/starts", "a").write("x")
      while True:
        request = asked()
        if os.path.exists("\(folder.path)/dead"): sys.exit(9)
        say({"id": request["id"], "scores": [1]})
      """)
  }

  @Test func whoFailsAtEveryRequestIsLeftAloneUntilOneAttemptGoesWell() throws {
    try withTemporaryFolder { folder in
      let (dead, starts) = (folder.appending(path: "dead"), folder.appending(path: "starts"))
      func startCount() throws -> Int { try String(contentsOf: starts, encoding: .utf8).count }
      try Data().write(to: dead)
      let failure = "the program ended with status 9"
      let reward = try mortal(folder).reward(retries: 1, pause: 1.5)
      for _ in 0..<4 { #expect(try reward.score(["a"]) == [.missing(reason: failure)]) }
      #expect(try startCount() == 8)
      let start = ContinuousClock.now
      for _ in 0..<100 {
        #expect(
          try reward.score(["a"]) == [
            .missing(reason: "not asked: 4 requests in a row failed, the last because \(failure)")
          ])
      }
      #expect((ContinuousClock.now - start) / .seconds(1) < 1)
      #expect(try startCount() == 8)
      // After a while one request is tried, once.
      usleep(1_600_000)
      #expect(try reward.score(["a"]) == [.missing(reason: failure)])
      #expect(
        try reward.score(["a"])[0].missingReason?.hasPrefix("not asked: 5 requests") == true)
      #expect(try startCount() == 9)
      try FileManager.default.removeItem(at: dead)
      usleep(1_600_000)
      for _ in 0..<5 { #expect(try reward.score(["a"]) == [.value(1)]) }
      #expect(try startCount() == 10)
    }
  }

  @Test func aTrialAsksOnWhateverFails() throws {
    let reward = try TestProgram("asked(); sys.exit(9)").reward(batchSize: 1, pause: nil)
    #expect(
      try reward.score((0..<8).map { "\($0)" })
        == Array(repeating: .missing(reason: "the program ended with status 9"), count: 8))
  }

  @Test func requestsThatFailNowAndThenAreNoError() throws {
    let program = TestProgram(
      """
      for turn in range(2):
        request = asked()
        if turn == 0: say({"id": request["id"], "scores": [1]})
      """)
    let reward = try program.reward()
    let values = try (0..<12).map { _ in try reward.score(["a"])[0].value }
    #expect(values == (0..<12).map { $0 % 2 == 0 ? 1 : nil })
  }

  @Test func anAnswerThatSaysWhyIsNoFailure() throws {
    let program = TestProgram(
      """
      while True: say({"id": asked()["id"], "error": "no face\\nin it"})
      """)
    let reward = try program.reward(retries: 5)
    for _ in 0..<10 {
      #expect(try reward.score(["a"]) == [.missing(reason: "it says: no face in it")])
    }
  }

  @Test func aProgramThatIsNotThereIsRefusedAtOnce() throws {
    for (words, shown) in [(["no-such-program"], "no-such-program"), (["/etc"], "/etc"), ([], "")] {
      let error = #expect(throws: RewardError.self) {
        try ServiceReward(
          name: "pick", identity: "", limits: .init(batchSize: 1, parallel: 1, retries: 0),
          command: CommandSettings(
            program: words, timeout: 1, startTimeout: 1, sendsPaths: false))
      }
      #expect(
        error?.description
          == "reward pick expects a program that can be run, got '\(shown)', which is not one: "
          + "give its path, or a name that PATH finds")
    }
  }

  @Test func copiesWorkBesideEachOther() throws {
    try withTemporaryFolder { folder in
      // Each waits for the other to have been asked.
      let program = TestProgram(
        """
        request = asked()
        mine, other = os.environ["PRDP_REWARD_WORKER"], "01"[os.environ["PRDP_REWARD_WORKER"] == "0"]
        open("\(folder.path)/" + mine, "w")
        while not os.path.exists("\(folder.path)/" + other): time.sleep(0.01)
        say({"id": 1, "scores": [float(mine)]})
        asked()
        """)
      let reward = try program.reward(batchSize: 1, parallel: 2)
      #expect(Set(try reward.score(["a", "b"]).map(\.value)) == [0, 1])
    }
  }

  @Test func scoresAreTheSameInWhateverOrderTheyCome() throws {
    let program = TestProgram(
      """
      while True:
        request = asked()
        time.sleep(0.05 * (int(os.environ["PRDP_REWARD_WORKER"]) * 7 % 3))
        say({"id": request["id"], "scores": [float(prompt) / 3 for prompt in request["prompts"]]})
      """)
    let prompts = (0..<23).map { "\($0)" }
    let expected = (0..<23).map { Score.value(Double($0) / 3) }
    for (batchSize, parallel) in [(1, 1), (4, 3), (23, 2)] {
      let reward = try program.reward(batchSize: batchSize, parallel: parallel)
      #expect(try reward.score(prompts) == expected)
    }
  }

  @Test func aProgramInheritsNoDescriptorAndNothingOfMPI() throws {
    let descriptor = open("/dev/null", O_RDONLY)
    #expect(descriptor > 2 && fcntl(descriptor, F_GETFD) == 0)
    defer { close(descriptor) }
    setenv("OMPI_MCA_test", "1", 1)
    setenv("OMPI_COMM_WORLD_LOCAL_RANK", "5", 1)
    defer {
      for name in ["OMPI_MCA_test", "OMPI_COMM_WORLD_LOCAL_RANK"] { unsetenv(name) }
    }
    let program = TestProgram(
      """
      open_now = [int(name) for name in os.listdir("/proc/self/fd")]
      names = [name for name in os.environ if name.startswith(("OMPI", "PMIX"))]
      ignored = signal.getsignal(signal.SIGPIPE)
      request = asked()
      groups = os.getpgid(0) == os.getpid()
      own = [os.environ["PRDP_LOCAL_RANK"], os.environ["PRDP_REWARD_WORKER"]]
      say({"id": 1, "error": json.dumps([sorted(n for n in open_now if n > 3), names, groups, own])})
      asked()
      """)
    #expect(
      try program.reward().score(["a"])
        == [.missing(reason: #"it says: [[], [], true, ["5", "0"]]"#)])
  }

  private func isRunning(_ id: pid_t) -> Bool {
    guard let status = try? String(contentsOfFile: "/proc/\(id)/stat", encoding: .utf8) else {
      return false
    }
    return !status.contains(") Z ")
  }

  @Test(arguments: [true, false])
  func whatTheProgramStartedEndsWithIt(endsByItself: Bool) throws {
    let program = TestProgram(
      """
      import subprocess
      signal.signal(signal.SIGTERM, signal.SIG_IGN)
      child = subprocess.Popen(["sleep", "1000"])
      request = asked()
      say({"id": 1, "scores": [child.pid]})
      \(endsByItself ? "asked()" : "while True: time.sleep(1)")
      """)
    var id: pid_t = 0
    do {
      let reward = try program.reward()
      id = pid_t(try reward.score(["a"])[0].value ?? 0)
      #expect(id > 0 && isRunning(id))
    }
    #expect(eventually { !isRunning(id) })
  }

  @Test(.enabled(if: Python.hasPillow, "needs Pillow in .venv: scripts/setup --golden"))
  func theExampleInPythonIsAReward() throws {
    let python = Golden.packageRoot.appending(path: ".venv/bin/python").path
    let script = Golden.packageRoot.appending(path: "scripts/reward_example.py").path
    let reward = try ServiceReward(
      name: "brightness", identity: "", limits: .init(batchSize: 2, parallel: 1, retries: 0),
      command: CommandSettings(
        program: [python, script], timeout: 60, startTimeout: 60, sendsPaths: false))
    let images = [0, 51, 255].map { level in
      Image(width: 3, height: 2, pixels: Array(repeating: UInt8(level), count: 18))
    }
    let scores = try reward.score(images, prompts: ["a", "b", "c"])
    #expect(scores == [.value(0), .value(0.2), .value(1)])
  }

  @Test func waitsBetweenAttemptsGrowAndDiffer() {
    for attempt in 1...12 {
      let whole = min(30, 0.5 * Double(1 << (attempt - 1)))
      let waits = (0..<50).map { backOff(attempt: attempt, key: $0) }
      #expect(waits.allSatisfy { (whole / 2...whole).contains($0) })
      #expect(Set(waits).count == 50)
      #expect(waits == (0..<50).map { backOff(attempt: attempt, key: $0) })
    }
  }
}
