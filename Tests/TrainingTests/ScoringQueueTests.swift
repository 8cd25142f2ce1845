import Foundation
import Rewards
import Synchronization
import Testing

@testable import Training

@Suite struct ScoringQueueTests {
  private struct Failure: Error, Equatable {}

  private func scores(_ value: Int) -> WeightedScores {
    WeightedScores(components: [[.value(Double(value))]], weights: [1])
  }

  /// All that is handed in, by index.
  private func collectAll(_ queue: ScoringQueue, count: Int) throws -> [Int: WeightedScores] {
    var found: [Int: WeightedScores] = [:]
    while found.count < count {
      for done in try queue.collect(waitingUntil: Date() + 10) {
        #expect(found[done.index] == nil)
        found[done.index] = done.scores
      }
    }
    return found
  }

  @Test func whatIsDoneInAnyOrderComesBackByItsIndex() throws {
    let queue = ScoringQueue(threadCount: 3)
    defer { queue.close(waitingUntil: .distantFuture) }
    for index in 0..<6 {
      #expect(queue.waitForRoom(until: .distantFuture))
      queue.submit(index) { [scores] in
        usleep(UInt32(10_000 * (index * 5 % 7)))
        return scores(index)
      }
    }
    #expect(
      try collectAll(queue, count: 6)
        == Dictionary(uniqueKeysWithValues: (0..<6).map { ($0, scores($0)) }))
    // Nothing is under way any more: nobody waits.
    #expect(try queue.collect(waitingUntil: .distantFuture).isEmpty)
    #expect(queue.busySeconds >= 0.01 * (0 + 5 + 3 + 1 + 6 + 4))
  }

  @Test func thereIsRoomForAsMuchToWaitAsIsBeingScored() throws {
    let queue = ScoringQueue(threadCount: 2)
    let gate = DispatchSemaphore(value: 0)
    for index in 0..<4 {
      #expect(queue.waitForRoom(until: .distantPast))
      queue.submit(index) { [scores] in
        gate.wait()
        return scores(index)
      }
    }
    #expect(!queue.waitForRoom(until: Date() + 0.05))
    #expect(try queue.collect(waitingUntil: Date() + 0.05).isEmpty)
    gate.signal()
    #expect(queue.waitForRoom(until: Date() + 10))
    (0..<3).forEach { _ in gate.signal() }
    #expect(try collectAll(queue, count: 4).count == 4)
    queue.close(waitingUntil: .distantFuture)
  }

  @Test func aFailureIsThrownAndNothingMoreIsBegun() throws {
    let queue = ScoringQueue(threadCount: 1)
    let begun = Mutex(0)
    for _ in 0..<2 {
      queue.submit(0) {
        begun.withLock { $0 += 1 }
        throw Failure()
      }
    }
    #expect(throws: Failure.self) {
      while true { _ = try queue.collect(waitingUntil: Date() + 10) }
    }
    #expect(queue.waitForRoom(until: .distantPast))
    queue.close(waitingUntil: .distantFuture)
    #expect(begun.withLock(\.self) == 1)
  }

  @Test func closingWaitsForWhatIsBeingScoredAndDropsTheRest() throws {
    let queue = ScoringQueue(threadCount: 1)
    let begun = Mutex(0)
    let ended = Mutex(0)
    for index in 0..<2 {
      queue.submit(index) { [scores] in
        begun.withLock { $0 += 1 }
        usleep(200_000)
        ended.withLock { $0 += 1 }
        return scores(index)
      }
    }
    while begun.withLock(\.self) == 0 { usleep(1000) }
    queue.close(waitingUntil: .distantFuture)
    #expect(begun.withLock(\.self) == 1 && ended.withLock(\.self) == 1)
  }
}
