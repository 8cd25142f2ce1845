import Foundation
import Synchronization

/// The places that a service can be asked at: the next request goes where the fewest are under way,
/// and not to one that failed, for a while.
final class Endpoints: Sendable {
  private struct Place {
    let url: URL
    var outstandingCount = 0
    var failureCount = 0
    var leftOutUntil = ContinuousClock.now
    /// Which of all requests was its last.
    var lastRequest = 0
  }

  private struct State {
    var places: [Place]
    var requestCount = 0
  }

  private let state: Mutex<State>

  /// Seconds that one is left out for after a failure, doubled at each in a row, and the most.
  private static let pause = 1.0
  private static let longestPause = 60.0

  /// One place at least.
  init(_ urls: [URL]) {
    state = Mutex(State(places: urls.map { Place(url: $0) }))
  }

  /// Where to ask next: of those that did not just fail the one with the fewest requests, of these the
  /// one that was not asked for the longest. Where all failed, the one that may be asked first.
  func take(at now: ContinuousClock.Instant = .now) -> (index: Int, url: URL) {
    state.withLock { state in
      state.requestCount += 1
      let order = state.places.indices.sorted { one, other in
        let (a, b) = (state.places[one], state.places[other])
        let (pauseA, pauseB) = (max(a.leftOutUntil, now), max(b.leftOutUntil, now))
        if pauseA != pauseB { return pauseA < pauseB }
        return (a.outstandingCount, a.lastRequest) < (b.outstandingCount, b.lastRequest)
      }
      let index = order[0]
      state.places[index].outstandingCount += 1
      state.places[index].lastRequest = state.requestCount
      return (index, state.places[index].url)
    }
  }

  /// Says how a request went.
  func giveBack(_ index: Int, succeeded: Bool, at now: ContinuousClock.Instant = .now) {
    state.withLock { state in
      state.places[index].outstandingCount -= 1
      guard !succeeded else {
        state.places[index].failureCount = 0
        return
      }
      let pause = Self.pause * pow(2, Double(state.places[index].failureCount))
      state.places[index].failureCount += 1
      state.places[index].leftOutUntil = now + .seconds(min(pause, Self.longestPause))
    }
  }
}
