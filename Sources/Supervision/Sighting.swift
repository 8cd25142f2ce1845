/// What is known of a rank: its last sign of life, and when that came.
public struct Sighting: Sendable, Equatable {
  /// The last sign of life.
  public let beat: Beat
  /// When it came.
  let receivedAt: ContinuousClock.Instant
  /// When the rank's connection ended without a good-bye; `nil` while it stands.
  var closedAt: ContinuousClock.Instant?

  /// Seconds in the operation, up to `now`.
  func secondsInOperation(at now: ContinuousClock.Instant) -> Double {
    beat.seconds + (now - receivedAt) / .seconds(1)
  }

  /// When the rank was surely alive for the last time.
  var lastSign: ContinuousClock.Instant { max(receivedAt, closedAt ?? receivedAt) }
}
