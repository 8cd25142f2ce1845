import Torch

/// The parts of an epoch that are timed.
enum Phase: String, CaseIterable {
  case encode, sample, decode, reward, reference, gradient, communicate, update
}

/// Adds up the seconds spent in each phase; a phase inside another is counted once, as itself.
final class PhaseTimer {
  /// Since the start.
  private(set) var total: [Phase: Double] = [:]
  private var seconds: [Phase: Double] = [:]
  /// What was computed in each phase, and how often; `nil` where it is not counted.
  private var operations: [Phase: [Operation: Int]]?
  private var running: [Phase] = []
  private var since = ContinuousClock.now
  /// Waits for a device that works on its own, so that its time counts where it was asked to work.
  /// Training goes on without.
  var waitForDevice: (() -> Void)?
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

  /// The seconds since this was last called.
  func take() -> [Phase: Double] {
    defer { seconds = [:] }
    return seconds
  }

  /// Counts what is computed from now on.
  func startCounting() {
    operations = [:]
    OperationCounter.start()
  }

  /// What was computed in each phase since ``startCounting()``, and how often; counts no more.
  func endCounting() -> [Phase: [Operation: Int]] {
    defer { operations = nil }
    OperationCounter.stop()
    return operations ?? [:]
  }

  private func charge() {
    waitForDevice?()
    let now = ContinuousClock.now
    if let phase = running.last {
      let spent = (now - since) / .seconds(1)
      seconds[phase, default: 0] += spent
      total[phase, default: 0] += spent
    }
    since = now
    guard operations != nil else { return }
    let computed = OperationCounter.take()
    if let phase = running.last {
      operations?[phase, default: [:]].merge(computed, uniquingKeysWith: +)
    }
  }
}
