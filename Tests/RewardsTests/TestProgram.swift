import Foundation
import Images
import Synchronization

@testable import Rewards

/// A program in Python that a reward asks.
struct TestProgram {
  /// What it is, where there are several.
  let name: String
  private let text: String

  /// - Parameter body: Has `asked()`, the next request, and `say(answer)`, which takes text too.
  init(_ body: String) { self.init("", body) }

  init(_ name: String, _ body: String) {
    self.name = name
    text = """
      import json, os, signal, sys, time
      def asked():
        line = sys.stdin.readline()
        if not line: sys.exit()
        return json.loads(line)
      def say(answer):
        print(answer if isinstance(answer, str) else json.dumps(answer), flush=True)
      \(body)
      """
  }

  /// Answers with the prompts, which are numbers or `null`.
  static let honest = TestProgram(
    """
    while True:
      request = asked()
      say({"id": request["id"], "scores": [json.loads(prompt) for prompt in request["prompts"]]})
    """)

  /// A reward that asks it.
  func reward(
    batchSize: Int = 4, parallel: Int = 1, retries: Int = 0, pause: Double? = 30,
    timeout: Double = 30,
    startTimeout: Double = 0, sendsPaths: Bool = false,
    passOn: @escaping @Sendable (String) -> Void = { _ in }
  ) throws -> ServiceReward {
    try ServiceReward(
      name: "pick", identity: "test",
      limits: .init(batchSize: batchSize, parallel: parallel, retries: retries, pause: pause),
      command: CommandSettings(
        program: ["python3", "-c", text], timeout: timeout, startTimeout: startTimeout,
        sendsPaths: sendsPaths), passOn: passOn)
  }
}

extension ServiceReward {
  /// The scores of as many pictures as there are prompts.
  func score(_ prompts: [String], side: Int = 2) throws -> [Score] {
    try score(prompts.indices.map { TestImage.of($0, side: side) }, prompts: prompts)
  }
}

enum TestImage {
  /// A picture that differs from others, and compresses badly.
  static func of(_ index: Int, side: Int = 2) -> Image {
    var state = UInt64(index + 1)
    return Image(
      width: side, height: side,
      pixels: (0..<side * side * 3).map { _ in
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return UInt8(state >> 56)
      })
  }
}

/// Lines that came from several threads.
final class Lines: Sendable {
  private let lines = Mutex<[String]>([])
  var all: [String] { lines.withLock(\.self) }
  func add(_ line: String) { lines.withLock { $0.append(line) } }
}

/// Waits until `condition` holds, some seconds at most.
func eventually(within seconds: Double = 10, _ condition: () -> Bool) -> Bool {
  let limit = ContinuousClock.now + .seconds(seconds)
  while !condition() {
    guard ContinuousClock.now < limit else { return false }
    usleep(10_000)
  }
  return true
}
