import Foundation

/// A bar on standard error with the time left, where that is a terminal.
public final class ProgressBar {
  private let isShown = isatty(STDERR_FILENO) == 1
  private let start = ContinuousClock.now
  private static let width = 32

  /// A bar that is not drawn yet; the time begins.
  public init() {}

  /// Draws the bar anew.
  public func show(done: Int, of total: Int) {
    guard isShown, done > 0 else { return }
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    let bar = ProgressText.bar(Double(done) / Double(total), width: Self.width)
    let left = ProgressText.duration(seconds / Double(done) * Double(total - done))
    write("\r\u{1B}[K\(bar.done)\(bar.rest) \(done)/\(total)  \(left) left")
  }

  /// Takes the bar away.
  public func clear() {
    if isShown { write("\r\u{1B}[K") }
  }

  private func write(_ text: String) {
    try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
  }
}
