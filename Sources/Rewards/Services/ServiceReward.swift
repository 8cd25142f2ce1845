import Foundation
import Images
import Synchronization

/// One way to a service, which is asked by one thread, one request after another.
protocol ScoringChannel {
  /// What it leads to: `the program`.
  var place: String { get }

  /// Asks once.
  ///
  /// - Parameter isClosed: Whether nobody waits for the answer any more.
  mutating func scores(
    for request: ScoringRequest, isClosed: () -> Bool
  ) throws(ServiceFailure) -> [Score]
}

/// A reward that others give: pictures go out in requests, several beside each other, and what fails
/// is tried again a limited number of times. Then its scores are missing, with the reason. Where
/// request after request fails, none in between that is answered, the service is left alone: scores
/// are missing at once, and now and then one request is tried, once, to see whether it is back.
public final class ServiceReward: PaidReward {
  /// How a service is asked.
  public struct Limits: Sendable, Equatable {
    /// The most pictures of a request, at least 1.
    public var batchSize: Int
    /// Requests at the same time, at least 1.
    public var parallel: Int
    /// Further attempts at a request that failed.
    public var retries: Int
    /// Seconds for which a service is left alone that fails at every request; `nil`: it is asked on.
    public var pause: Double?

    /// Limits of a service.
    public init(batchSize: Int, parallel: Int, retries: Int, pause: Double? = 30) {
      self.batchSize = batchSize
      self.parallel = parallel
      self.retries = retries
      self.pause = pause
    }
  }

  /// The name in logs and in error messages.
  public let name: String
  /// Tells this reward from others.
  public let identity: String
  private let limits: Limits
  private let pool: ScoringPool

  /// - Parameter makeChannel: Makes each of the ways to the service, on the thread that asks it.
  init(
    name: String, identity: String, limits: Limits,
    makeChannel: @escaping @Sendable (_ index: Int) -> any ScoringChannel
  ) {
    self.name = name
    self.identity = identity
    self.limits = limits
    pool = ScoringPool(name: name, limits: limits, makeChannel: makeChannel)
  }

  deinit { pool.close() }

  /// A score for each picture; what comes of each attempt is told at once.
  ///
  /// - Throws: `RewardError.promptCount`.
  public func score(
    _ images: [Image], prompts: [String],
    onAttempt: @escaping @Sendable (Range<Int>, ScoringAttempt) -> Void
  ) throws -> [Score] {
    guard images.count == prompts.count else {
      throw RewardError.promptCount(
        reward: name, imageCount: images.count, promptCount: prompts.count)
    }
    let answers = stride(from: 0, to: images.count, by: limits.batchSize).map { start in
      let indices = start..<min(start + limits.batchSize, images.count)
      return pool.ask(
        ScoringRequest(prompts: Array(prompts[indices]), images: Array(images[indices]))
      ) { onAttempt(indices, $0) }
    }
    // All are waited for, so that nothing of this call goes on after it.
    return answers.flatMap { $0.wait() }
  }
}

/// Threads that ask a service, each over a channel of its own.
private final class ScoringPool: Sendable {
  private struct State {
    var jobs: [Job] = []
    var isClosed = false
    /// Requests that failed since one was answered, be it with a refusal.
    var failureCount = 0
    /// Requests so far, which tell one wait from another.
    var requestCount: UInt64 = 0
    /// Why the last of them failed.
    var lastReason = ""
    /// Until when the service is left alone.
    var pauseEnd = ContinuousClock.now
  }

  private struct Job {
    let request: ScoringRequest
    let onAttempt: @Sendable (ScoringAttempt) -> Void
    let answer: PendingAnswer
  }

  private let limits: ServiceReward.Limits
  private let state = Mutex(State())
  private let available = DispatchSemaphore(value: 0)
  private let running = DispatchGroup()

  /// Requests in a row that may fail, each after all its attempts, before the service is left alone.
  private var failureLimit: Int { 2 + limits.parallel }

  init(
    name: String, limits: ServiceReward.Limits,
    makeChannel: @escaping @Sendable (Int) -> any ScoringChannel
  ) {
    self.limits = limits
    for index in 0..<limits.parallel {
      running.enter()
      let thread = Thread { [self] in
        work(over: makeChannel(index))
        // The channel is closed by now.
        running.leave()
      }
      thread.name = "reward \(name)"
      thread.start()
    }
  }

  /// Ends the threads and waits for that; what is under way is given up.
  func close() {
    state.withLock { $0.isClosed = true }
    for _ in 0..<limits.parallel { available.signal() }
    running.wait()
  }

  func ask(
    _ request: ScoringRequest, onAttempt: @escaping @Sendable (ScoringAttempt) -> Void
  ) -> PendingAnswer {
    let answer = PendingAnswer()
    state.withLock { $0.jobs.append(Job(request: request, onAttempt: onAttempt, answer: answer)) }
    available.signal()
    return answer
  }

  private func work(over channel: consuming any ScoringChannel) {
    while let job = next() {
      job.answer.set(scores(of: job, over: &channel))
    }
  }

  private func next() -> Job? {
    available.wait()
    return state.withLock { state in
      state.isClosed || state.jobs.isEmpty ? nil : state.jobs.removeFirst()
    }
  }

  private var isClosed: Bool { state.withLock(\.isClosed) }

  private func scores(
    of job: Job, over channel: inout any ScoringChannel
  ) -> [Score] {
    func missing(_ reason: String) -> [Score] {
      job.request.images.map { _ in .missing(reason: reason) }
    }
    let key: UInt64
    let attemptCount: Int
    switch begin() {
    case .leaveAlone(let reason): return missing(reason)
    case .ask(let request, let count): (key, attemptCount) = (request, count)
    }
    var reason = ""
    for attempt in 0..<attemptCount {
      if attempt > 0 { wait(seconds: backOff(attempt: attempt, key: key)) }
      if isClosed { break }
      let start = ContinuousClock.now
      do throws(ServiceFailure) {
        let scores = try channel.scores(for: job.request, isClosed: { isClosed })
        state.withLock { $0.failureCount = 0 }
        job.onAttempt(.answered(scores, seconds: (ContinuousClock.now - start) / .seconds(1)))
        return scores
      } catch {
        reason = "\(channel.place) \(error.reason)"
        job.onAttempt(.failed(reason: reason))
        guard error.mayRetry else {
          // It is there, and refuses this request: that says nothing of others.
          state.withLock { $0.failureCount = 0 }
          return missing(reason)
        }
      }
    }
    noteFailure(reason)
    return missing(reason)
  }

  private enum Beginning {
    case ask(key: UInt64, attemptCount: Int)
    case leaveAlone(reason: String)
  }

  /// What becomes of the next request.
  private func begin() -> Beginning {
    state.withLock { state in
      state.requestCount += 1
      guard let pause = limits.pause, state.failureCount > failureLimit else {
        return .ask(key: state.requestCount, attemptCount: limits.retries + 1)
      }
      guard ContinuousClock.now >= state.pauseEnd else {
        return .leaveAlone(
          reason: "not asked: \(state.failureCount) requests in a row failed, the last because "
            + state.lastReason)
      }
      // The others go on without a score while this one sees whether the service is back.
      state.pauseEnd = .now + .seconds(pause)
      return .ask(key: state.requestCount, attemptCount: 1)
    }
  }

  private func noteFailure(_ reason: String) {
    state.withLock { state in
      state.failureCount += 1
      state.lastReason = reason
      state.pauseEnd = .now + .seconds(limits.pause ?? 0)
    }
  }

  private func wait(seconds: Double) {
    let end = ContinuousClock.now + .seconds(seconds)
    while !isClosed, ContinuousClock.now < end { usleep(20_000) }
  }
}

/// Seconds before another attempt: doubled each time from half a second on, and between half of that
/// and all of it, so that those who failed together do not come back together.
///
/// - Parameters:
///   - attempt: From 1.
///   - key: Tells one wait from another; equal keys, equal waits.
func backOff(attempt: Int, key: UInt64) -> Double {
  let whole = min(30, 0.5 * pow(2, Double(attempt - 1)))
  // SplitMix64's finaliser.
  var bits = (key << 8 | UInt64(attempt)) &+ 0x9E37_79B9_7F4A_7C15
  bits = (bits ^ (bits >> 30)) &* 0xBF58_476D_1CE4_E5B9
  bits = (bits ^ (bits >> 27)) &* 0x94D0_49BB_1331_11EB
  return whole * (0.5 + 0.5 * Double((bits ^ (bits >> 31)) >> 11) / Double(1 << 53))
}

/// An answer that is still to come.
private final class PendingAnswer: Sendable {
  private let scores = Mutex<[Score]?>(nil)
  private let isThere = DispatchSemaphore(value: 0)

  func set(_ answer: [Score]) {
    scores.withLock { $0 = answer }
    isThere.signal()
  }

  func wait() -> [Score] {
    isThere.wait()
    guard let answer = scores.withLock({ $0 }) else {
      preconditionFailure("an answer that is there has scores")
    }
    return answer
  }
}
