/// What is known of a rank: its last sign of life, and when that came.
///
/// All of it is by a clock that stands still while the machine sleeps, as the ranks on it do.
public struct Sighting: Sendable, Equatable {
  /// The last sign of life.
  public let beat: Beat
  /// When it came.
  let receivedAt: SuspendingClock.Instant
  /// When the rank's connection ended without a good-bye; `nil` while it stands.
  var closedAt: SuspendingClock.Instant?

  /// Seconds in the operation, up to `now`.
  func secondsInOperation(at now: SuspendingClock.Instant) -> Double {
    beat.seconds + (now - receivedAt) / .seconds(1)
  }

  /// When the rank was surely alive for the last time.
  var lastSign: SuspendingClock.Instant { max(receivedAt, closedAt ?? receivedAt) }
}
