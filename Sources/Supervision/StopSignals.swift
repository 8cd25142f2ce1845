import Foundation

/// The signals that tell a launcher to stop, taken in one after the other instead of ending it.
struct StopSignals {
  private static let numbers = [SIGTERM, SIGINT, SIGHUP, SIGUSR1]
  private var set = sigset_t()

  /// From now on, in this thread and those that it starts, these signals wait to be taken.
  init() {
    sigemptyset(&set)
    for number in Self.numbers + [SIGCHLD] {
      sigaddset(&set, number)
      // One that was ignored, as SIGINT is where a script starts something in the background, would
      // never come.
      signal(number, SIG_DFL)
    }
    pthread_sigmask(SIG_BLOCK, &set, nil)
  }

  /// The next one that came, or `nil` after some milliseconds or when a child ended.
  mutating func next(withinMilliseconds limit: Int) -> CInt? {
    var time = timespec(tv_sec: limit / 1000, tv_nsec: limit % 1000 * 1_000_000)
    let number = sigtimedwait(&set, nil, &time)
    return Self.numbers.contains(number) ? number : nil
  }
}
