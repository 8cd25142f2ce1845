import Foundation
import Rewards

/// Scores images on threads of its own, beside the thread that draws them.
///
/// There is room for as much to wait as is being scored, so that only so many images are in memory.
/// Which is scored first does not show: scores are put in their place by an index.
final class ScoringQueue: Sendable {
  /// What came of one piece of work.
  struct Done: Sendable {
    /// As it was handed in.
    let index: Int
    let scores: WeightedScores
  }

  /// All of it is guarded by a condition, which is signalled at every change.
  private final class State: @unchecked Sendable {
    private let condition = NSCondition()
    var waiting: [(index: Int, work: @Sendable () throws -> WeightedScores)] = []
    var runningCount = 0
    var done: [Done] = []
    var failure: (any Error)?
    var isClosed = false
    var busySeconds = 0.0

    var isIdle: Bool { waiting.isEmpty && runningCount == 0 }

    /// Runs `body` while no other thread looks or changes anything.
    func exclusively<Value>(_ body: () throws -> Value) rethrows -> Value {
      condition.lock()
      defer {
        condition.broadcast()
        condition.unlock()
      }
      return try body()
    }

    /// Waits for a change, within `exclusively`; `false` where the time is up.
    func wait(until limit: Date = .distantFuture) -> Bool {
      // Foundation cannot wait until a date that no clock of the system reaches.
      guard limit == .distantFuture else { return condition.wait(until: limit) }
      condition.wait()
      return true
    }

    /// Tells the other threads of a change before the end of `exclusively`.
    func broadcast() { condition.broadcast() }
  }

  private let state = State()
  private let threadCount: Int

  /// A queue with as many threads.
  init(threadCount: Int) {
    self.threadCount = threadCount
    for _ in 0..<threadCount {
      Thread.detachNewThread { [state] in Self.work(on: state) }
    }
  }

  /// Seconds that scoring took so far, added up over the threads.
  var busySeconds: Double { state.exclusively { state.busySeconds } }

  /// Waits for room.
  ///
  /// - Parameter limit: When waiting ends in any case.
  /// - Returns: Whether there is room.
  func waitForRoom(until limit: Date) -> Bool {
    state.exclusively {
      func hasRoom() -> Bool {
        state.failure != nil || state.waiting.count + state.runningCount < 2 * threadCount
      }
      while !hasRoom(), state.wait(until: limit) {}
      return hasRoom()
    }
  }

  /// Hands in a piece of work.
  func submit(_ index: Int, _ work: @escaping @Sendable () throws -> WeightedScores) {
    state.exclusively { state.waiting.append((index, work)) }
  }

  /// Drops what waits.
  ///
  /// - Returns: How many pieces of work that were.
  func drop() -> Int {
    state.exclusively {
      defer { state.waiting = [] }
      return state.waiting.count
    }
  }

  /// What came of work since this was last called; waits for some of it where none did, as long as any
  /// is under way.
  ///
  /// - Parameter limit: When waiting ends in any case; the past does not wait.
  /// - Returns: Nothing where nothing is under way any more, or the time is up.
  /// - Throws: What any of the work threw; what waits then is dropped.
  func collect(waitingUntil limit: Date) throws -> [Done] {
    try state.exclusively {
      while state.done.isEmpty, !state.isIdle, state.wait(until: limit) {}
      if let failure = state.failure { throw failure }
      defer { state.done = [] }
      return state.done
    }
  }

  /// Ends the threads and drops what waits.
  ///
  /// - Parameter limit: Until when it waits for those at work: answers that are being paid for are
  ///   not thrown away. They end when they are done in any case.
  func close(waitingUntil limit: Date) {
    state.exclusively {
      state.isClosed = true
      state.waiting = []
      // Threads that sleep have to see it.
      state.broadcast()
      while state.runningCount > 0, state.wait(until: limit) {}
    }
  }

  private static func work(on state: State) {
    while let (index, work) = next(state) {
      let start = ContinuousClock.now
      let result = Result(catching: work)
      state.exclusively {
        state.busySeconds += (ContinuousClock.now - start) / .seconds(1)
        state.runningCount -= 1
        switch result {
        case .success(let scores): state.done.append(Done(index: index, scores: scores))
        case .failure(let error):
          state.failure = state.failure ?? error
          // The run will not go on: nothing more is to be paid for.
          state.waiting = []
        }
      }
    }
  }

  private static func next(
    _ state: State
  ) -> (index: Int, work: @Sendable () throws -> WeightedScores)? {
    state.exclusively {
      while state.waiting.isEmpty {
        if state.isClosed { return nil }
        _ = state.wait()
      }
      state.runningCount += 1
      return state.waiting.removeFirst()
    }
  }
}
