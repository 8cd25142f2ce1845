import Foundation
import Synchronization

/// A wish that a run saves and stops at the next point where it can.
///
/// Any thread may raise it, and a signal handler; the run looks at it. It stays raised.
public final class StopRequest: Sendable {
  /// When the program began, from which its time is counted.
  let start = ContinuousClock.now
  private let flag = Atomic(false)

  /// A request that nobody made yet, of a program that begins now.
  public init() {}

  /// Whether someone wants the run to stop.
  public var isRaised: Bool { flag.load(ordering: .relaxed) }

  /// Asks the run to stop.
  public func raise() { flag.store(true, ordering: .relaxed) }

  /// The request that the signals USR1 and TERM make from now on.
  ///
  /// A scheduler or a launcher may send USR1 as often as it likes. A second TERM ends the process at
  /// once: who sends it does not want to wait.
  public static func onSignals() -> StopRequest {
    // Made before any handler runs, which must not be the first to need it.
    let request = ofSignals
    signal(SIGUSR1) { _ in StopRequest.ofSignals.raise() }
    signal(SIGTERM) { _ in
      StopRequest.ofSignals.raise()
      signal(SIGTERM, SIG_DFL)
    }
    return request
  }

  private static let ofSignals = StopRequest()
}

/// Tells when a run has to save and stop to be at its end before its time is up.
///
/// What comes next may take as long as the longest part so far; twice that is allowed for it, and the
/// last save's time. Loading is no part.
struct TimeLimit {
  /// The time that the program has in all; `nil`: no limit.
  let seconds: Double?
  private let start: ContinuousClock.Instant
  private var lastLook: ContinuousClock.Instant
  private var longestPart = 0.0
  private var nextPart = 0.0
  private var lastSave = 0.0

  /// A limit on the time since `start`.
  init(seconds: Double?, since start: ContinuousClock.Instant) {
    self.seconds = seconds
    self.start = start
    lastLook = .now
  }

  /// Notes that the first part begins.
  mutating func begin(at now: ContinuousClock.Instant = .now) { lastLook = now }

  /// Notes that the run could stop here.
  ///
  /// - Returns: Whether it has to.
  mutating func look(at now: ContinuousClock.Instant = .now) -> Bool {
    longestPart = max(longestPart, (now - lastLook) / .seconds(1))
    lastLook = now
    let margin = 2 * max(longestPart, nextPart) + lastSave
    nextPart = 0
    guard let seconds else { return false }
    return (now - start) / .seconds(1) + margin > seconds
  }

  /// Notes how long the part may take that comes after the next look, and cannot be stopped in.
  mutating func expect(seconds: Double) { nextPart = seconds }

  /// Notes how long it took to save.
  mutating func noteSave(seconds: Double) { lastSave = seconds }
}
