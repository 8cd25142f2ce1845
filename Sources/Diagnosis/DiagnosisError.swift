/// Why nothing could be measured or looked at.
public enum DiagnosisError: Error, Equatable, CustomStringConvertible {
  /// A network is between ranks, of which there is one.
  case oneRank
  /// A file is not what `prdp bench network` writes.
  case notFigures(path: String, reason: String)
  /// A file or folder does not do what is expected of it, for the reason that the system gives.
  case file(path: String, expected: String, reason: String)
  /// A program could not be started, for the reason that the system gives.
  case notStarted(program: String, reason: String)

  /// One sentence: what was expected, what came, what to do.
  public var description: String {
    switch self {
    case .oneRank:
      "a network is measured between 2 ranks or more, found 1: start it by mpirun -np 2"
    case .notFigures(let path, let reason):
      "\(path): expected the figures of a network, found \(reason): run prdp bench network --json"
    case .file(let path, let expected, let reason):
      "\(path): expected \(expected), found '\(reason)'"
    case .notStarted(let program, let reason):
      "expected to start \(program), found '\(reason)': install it, or put it in PATH"
    }
  }
}
