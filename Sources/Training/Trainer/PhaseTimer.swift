/// The parts of an epoch that are timed.
enum Phase: String, CaseIterable {
  case sample, reward, reference, gradient, communicate, update
}

/// Adds up the seconds spent in each phase; a phase inside another is counted once, as itself.
final class PhaseTimer {
  private(set) var seconds: [Phase: Double] = [:]
  private var running: [Phase] = []
  private var since = ContinuousClock.now
  /// Is told of each change: the phase that is on from now, or `nil` between phases.
  var onChange: ((Phase?) -> Void)?

  /// Runs `body` on the account of `phase`.
  func measure<Result>(_ phase: Phase, _ body: () throws -> Result) rethrows -> Result {
    charge()
    running.append(phase)
    onChange?(phase)
    defer {
      charge()
      running.removeLast()
      onChange?(running.last)
    }
    return try body()
  }

  /// The seconds so far, which start again from 0.
  func take() -> [Phase: Double] {
    defer { seconds = [:] }
    return seconds
  }

  private func charge() {
    let now = ContinuousClock.now
    if let phase = running.last { seconds[phase, default: 0] += (now - since) / .seconds(1) }
    since = now
  }
}
