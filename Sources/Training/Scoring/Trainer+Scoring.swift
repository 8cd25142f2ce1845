import Foundation
import Images
import Rewards
import Synchronization

/// Some images with their prompts, and where they have their place.
struct DrawnImages: Sendable {
  let images: [Image]
  let prompts: [String]
  let places: [ImagePlace]
}

extension Trainer {
  /// Draws images part by part, and scores each part while the next ones are drawn: drawing waits only
  /// where `scoring.parallelPrompts` parts are being scored and as many wait for it.
  ///
  /// It ends before the last part where this rank wants the run to stop or lacks too many scores; what
  /// is being scored then is waited for, half the grace period at most.
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
    let queue = ScoringQueue(threadCount: configuration.scoring.parallelPrompts)
    let patience = Double(configuration.cluster.gracePeriod) / 2
    // Where something fails, what is under way may still be answered, and kept.
    var closingPatience = patience
    defer { queue.close(waitingUntil: Date() + closingPatience) }
    let answers = AnswerCount()
    var toldCount = 0
    var found = [WeightedScores?](repeating: nil, count: partCount)
    var missingCount = 0
    func collect(waitingUntil limit: Date = .distantPast) throws {
      // A prompt's images may take many answers: each is a sign of life.
      if answers.count != toldCount {
        toldCount = answers.count
        tellProgress(isTimed ? .reward : nil)
      }
      for done in try queue.collect(waitingUntil: limit) {
        found[done.index] = done.scores
        missingCount += done.scores.sums.count { $0 == nil }
        advance()
      }
    }
    func measure<Value>(_ phase: Phase, _ body: () throws -> Value) rethrows -> Value {
      try isTimed ? timer.measure(phase, body) : body()
    }

    // Waits are cut short to see whether the run has to stop.
    func soon() -> Date { Date() + 0.2 }
    func isToEnd() -> Bool {
      wantsToStop || missingLimit.map { Double(missingCount) > $0 } ?? false
    }

    var drawnCount = 0
    while drawnCount < partCount {
      try measure(.reward) {
        while !isToEnd(), !queue.waitForRoom(until: soon()) { try collect() }
      }
      try collect()
      if isToEnd() { break }
      let drawn = try measure(.sample) { try draw(drawnCount) }
      queue.submit(drawnCount, scoring(drawn, by: scorer, counting: answers))
      drawnCount += 1
    }
    try measure(.reward) {
      var limit: Date?
      while found.count(where: { $0 != nil }) < drawnCount, limit.map({ Date() < $0 }) ?? true {
        if limit == nil, wantsToStop { (limit, closingPatience) = (Date() + patience, 0) }
        try collect(waitingUntil: limit.map { min($0, soon()) } ?? soon())
      }
    }
    if isTimed { scoringSeconds += queue.busySeconds }
    missingScores = MissingScores()
    for scores in found { scores.map { missingScores.note($0, of: scorer) } }
    return found
  }

  /// What a thread beside this one does to score images.
  private func scoring(
    _ drawn: DrawnImages, by scorer: WeightedReward, counting answers: AnswerCount
  ) -> @Sendable () throws -> WeightedScores {
    { [ledger] in
      try scorer.scores(of: drawn.images, prompts: drawn.prompts) { reward, images, prompts in
        guard let paid = reward as? any PaidReward else {
          return try reward.score(images, prompts: prompts)
        }
        guard let ledger else {
          return try paid.score(images, prompts: prompts) { _, _, _ in answers.increase() }
        }
        return try ledger.scores(
          of: images, prompts: prompts, places: drawn.places, by: paid, onAnswer: answers.increase)
      }
    }
  }
}

/// Answers that came so far, counted by any thread.
private final class AnswerCount: Sendable {
  private let value = Atomic(0)
  var count: Int { value.load(ordering: .relaxed) }
  func increase() { value.add(1, ordering: .relaxed) }
}
