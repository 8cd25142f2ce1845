import Foundation
import Synchronization

/// Tells a launcher once a second what this rank does, and ends the rank where that takes too long.
///
/// It runs on a thread of its own beside training, which only says what it begins with. It ends the
/// process with ``stallStatus`` in two cases: an operation that takes longer than the stall limit,
/// and a launcher that was not heard of for longer than the orphan limit, since whoever watches the
/// run is then gone and may have started it anew.
public final class Heartbeat: Sendable {
  /// The exit status that asks for a restart.
  public static let stallStatus: Int32 = 75

  /// How long a rank may be in one operation, and alone.
  public struct Limits: Sendable {
    /// Seconds in one operation.
    let stall: Double
    /// Seconds without an answer of the launcher.
    let orphan: Double

    /// Limits in seconds.
    public init(stall: Double, orphan: Double) {
      self.stall = stall
      self.orphan = orphan
    }
  }

  private struct Place {
    var operation = "starting"
    var step = 0
    var since = SuspendingClock.now
    var isFinished = false
  }

  private let rank: Int
  private let launcher: LauncherAddress?
  private let limits: Limits
  private let place = Mutex(Place())
  private let isOver = DispatchSemaphore(value: 0)
  private let host = ProcessInfo.processInfo.hostName

  /// Starts the thread.
  ///
  /// - Parameter launcher: Where to send signs of life; `nil` where nobody listens: then the rank is
  ///   only watched.
  public init(rank: Int, launcher: LauncherAddress?, limits: Limits) {
    self.rank = rank
    self.launcher = launcher
    self.limits = limits
    let thread = Thread { [self] in beat() }
    thread.name = "heartbeat"
    thread.start()
  }

  /// Says what training does from now on.
  ///
  /// - Parameter step: The optimiser steps taken; `nil` for as many as before.
  public func enter(_ operation: String, step: Int? = nil) {
    place.withLock {
      $0.operation = operation
      $0.step = step ?? $0.step
      $0.since = .now
    }
  }

  /// Says good-bye: the rank ends as it should. Nothing is watched any more.
  public func finish() {
    place.withLock { $0.isFinished = true }
    // A launcher that does not take the good-bye must not hold up the end.
    _ = isOver.wait(timeout: .now() + 3)
  }

  private func beat() {
    defer { isOver.signal() }
    var line = launcher.map { LauncherLine($0) }
    var next = SuspendingClock.now
    while true {
      let place = place.withLock { $0 }
      let seconds = (SuspendingClock.now - place.since) / .seconds(1)
      let isStalled = !place.isFinished && seconds > limits.stall
      if place.isFinished || isStalled || SuspendingClock.now >= next {
        next = .now + .seconds(1)
        line?.send(beat(place, seconds, isStalled: isStalled))
      }
      if place.isFinished { return }
      if isStalled {
        // Rank 0 may be the one who tells what all ranks do.
        line?.waitForAnswer(seconds: 2)
        end(
          "has been at one thing, \(place.operation), for \(Int(seconds)) s, longer than "
            + "cluster.stallLimit",
          at: place.step)
      }
      if let silence = line?.secondsWithoutAnswer, silence > limits.orphan {
        end("has not heard of its launcher for \(Int(silence)) s", at: place.step)
      }
      usleep(50_000)
    }
  }

  private func beat(_ place: Place, _ seconds: Double, isStalled: Bool) -> (_ token: String) -> Beat
  {
    { [rank, host] token in
      Beat(
        token: token, rank: rank, host: host, process: getpid(), step: place.step,
        operation: place.operation, seconds: seconds,
        condition: place.isFinished ? .finished : isStalled ? .stalled : .alive)
    }
  }

  private func end(_ reason: String, at step: Int) -> Never {
    let text = "error: rank \(rank) on \(host), at step \(step), \(reason): it ends itself\n"
    writeIfReady(text)
    // Nothing of the process can be trusted to come to an end in order.
    _exit(Self.stallStatus)
  }
}

/// Writes a text to standard error, as far as that does not wait for a reader that reads no more.
func writeIfReady(_ text: String, to descriptor: CInt = STDERR_FILENO) {
  var bytes = Array(text.utf8)[...]
  while !bytes.isEmpty {
    var output = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
    guard poll(&output, 1, 1000) == 1 else { return }
    // A pipe that is ready has room for this much, and may wait with more.
    let count = bytes.prefix(4096).withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
    guard count > 0 else { return }
    bytes = bytes.dropFirst(count)
  }
}
