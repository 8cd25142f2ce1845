import Foundation
import MPI
import Rewards
import Synchronization

extension Trainer {
  /// Draws images part by part, and scores each part while the next ones are drawn: drawing waits only
  /// where `scoring.parallelPrompts` parts are being scored and as many wait for it. Returns when all
  /// ranks are done. Collective, where it throws on this rank too.
  ///
  /// It ends before the last part where this rank wants the run to stop, or any rank failed or lacks too
  /// many scores: what is being scored then is waited for, half the grace period at most, and what waits
  /// is dropped.
  ///
  /// - Parameters:
  ///   - scorer: What scores them.
  ///   - missingLimit: How many images may be without a score; `nil` for all.
  ///   - isTimed: Whether it goes on the account of an epoch's sampling and scoring.
  ///   - draw: Draws a part.
  /// - Returns: The scores of each part, `nil` of those that were not drawn or scored.
  func drawAndScore(
    by scorer: WeightedReward, partCount: Int, missingLimit: Double?, isTimed: Bool,
    draw: (_ part: Int) throws -> DrawnImages
  ) throws -> [WeightedScores?] {
    let rollCall = try RollCall(communicator)
    let found = Result {
      try drawAndScoreShare(
        by: scorer, partCount: partCount, missingLimit: missingLimit, isTimed: isTimed,
        rollCall: rollCall, draw: draw)
    }
    if case .failure = found { rollCall.askForEnd() }
    while true {
      switch try rollCall.look(isDone: true) {
      case .allAreDone: return try found.get()
      // Who waits is not stuck as long as the others are not.
      case .allAreHere: tellProgress()
      case nil: usleep(2_000)
      }
    }
  }

  /// This rank's part of that.
  private func drawAndScoreShare(
    by scorer: WeightedReward, partCount: Int, missingLimit: Double?, isTimed: Bool,
    rollCall: RollCall, draw: (_ part: Int) throws -> DrawnImages
  ) throws -> [WeightedScores?] {
    let queue = ScoringQueue(threadCount: configuration.scoring.parallelPrompts)
    let patience = Double(configuration.cluster.gracePeriod) / 2
    // Where something fails, what is under way may still be answered, and kept.
    var closingPatience = patience
    defer { queue.close(waitingUntil: Date() + closingPatience) }
    let attempts = AttemptCount()
    var toldCount = 0
    var found = [WeightedScores?](repeating: nil, count: partCount)
    var missingCount = 0
    func collect(waitingUntil limit: Date = .distantPast) throws {
      _ = try rollCall.look(isDone: false)
      // A prompt's images may take many attempts: each is a sign of life.
      if attempts.count != toldCount {
        toldCount = attempts.count
        tellProgress(isTimed ? .reward : nil)
      }
      for done in try queue.collect(waitingUntil: limit) {
        found[done.index] = done.scores
        missingCount += done.scores.sums.count { $0 == nil }
        advance()
      }
      // The run ends whatever the others find: they need not pay for it.
      if let missingLimit, Double(missingCount) > missingLimit { rollCall.askForEnd() }
    }
    func measure<Value>(_ phase: Phase, _ body: () throws -> Value) rethrows -> Value {
      try isTimed ? timer.measure(phase, body) : body()
    }

    // Waits are cut short to see whether the run has to stop.
    func soon() -> Date { Date() + 0.2 }
    func isToEnd() -> Bool { wantsToStop || rollCall.isToEnd }

    var drawnCount = 0
    while drawnCount < partCount {
      try measure(.reward) {
        while !isToEnd(), !queue.waitForRoom(until: soon()) { try collect() }
      }
      try collect()
      if isToEnd() { break }
      let drawn = try measure(.sample) { try draw(drawnCount) }
      queue.submit(drawnCount) { [ledger] in
        try scorer.scores(of: drawn, keptIn: ledger, onAttempt: attempts.increase)
      }
      drawnCount += 1
    }
    try measure(.reward) {
      var limit: Date?
      while found.count(where: { $0 != nil }) < drawnCount, limit.map({ Date() < $0 }) ?? true {
        if limit == nil, isToEnd() {
          drawnCount -= queue.drop()
          (limit, closingPatience) = (Date() + patience, 0)
        }
        try collect(waitingUntil: limit.map { min($0, soon()) } ?? soon())
      }
    }
    if isTimed { scoringSeconds += queue.busySeconds }
    missingScores = MissingScores()
    for scores in found { scores.map { missingScores.note($0, of: scorer) } }
    return found
  }
}

/// Attempts at an answer so far, counted by any thread.
private final class AttemptCount: Sendable {
  private let value = Atomic(0)
  var count: Int { value.load(ordering: .relaxed) }
  func increase() { value.add(1, ordering: .relaxed) }
}
