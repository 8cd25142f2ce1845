import Foundation

/// Standard output, as a person sees it.
enum Terminal {
  /// Whether lines can be rewritten in place.
  ///
  /// Open MPI gives each rank a terminal of its own even where mpirun's output goes to a file: there
  /// mpirun's output decides, which is the parent's on the machine that a person started it on.
  static func isLive(environment: [String: String]) -> Bool {
    guard let name = environment["TERM"], !name.isEmpty, name != "dumb", isatty(STDOUT_FILENO) == 1
    else { return false }
    guard environment["OMPI_COMM_WORLD_SIZE"] != nil else { return true }
    let output = try? FileManager.default.destinationOfSymbolicLink(
      atPath: "/proc/\(getppid())/fd/\(STDOUT_FILENO)")
    return output.map { $0.hasPrefix("/dev/pts/") || $0.hasPrefix("/dev/tty") } ?? false
  }

  /// The characters of a line; 80 where the terminal does not say.
  static var columnCount: Int {
    var size = winsize()
    let isKnown = ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0
    return isKnown ? Int(size.ws_col) : 80
  }

  /// Writes text. What cannot be written is lost: a closed output never ends a run, as long as the
  /// process ignores SIGPIPE.
  static func write(_ text: String) {
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
      let count = bytes.withUnsafeBytes {
        Foundation.write(STDOUT_FILENO, $0.baseAddress, $0.count)
      }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return }
      bytes = bytes.dropFirst(count)
    }
  }
}
