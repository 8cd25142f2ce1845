/// Everything that is wrong with a configuration, reported together.
///
/// The description has one line a problem, ready to be shown to a person:
/// `cluster.yaml:12: method.betaa is not a known key; did you mean method.beta?`
public struct ConfigurationError: Error, Sendable, Equatable, CustomStringConvertible {
  /// One broken rule.
  public struct Problem: Sendable, Equatable, CustomStringConvertible {
    /// The file as the caller named it, `--set` for an override, empty for a value set in code.
    public let source: String
    /// The line in the file, from 1; `nil` where no line can be blamed.
    public let line: Int?
    /// What was expected, what came, what to do.
    public let message: String

    /// `source:line: message`, less what is not known.
    public var description: String {
      let place = line.map { "\(source):\($0)" } ?? source
      return place.isEmpty ? message : "\(place): \(message)"
    }
  }

  /// The problems: the file's by line, then the overrides' in their order; never empty.
  public let problems: [Problem]
  /// How many further problems were found and not kept.
  public let omittedCount: Int

  /// The problems, one a line.
  public var description: String {
    let lines = problems.map(\.description)
    return (omittedCount == 0 ? lines : lines + ["and \(omittedCount) more problems"])
      .joined(separator: "\n")
  }
}

/// Collects problems while a configuration is read.
struct ProblemReport {
  /// More would hide the first from the reader, and cost time on a hostile file.
  static let limit = 50

  private var problems: [ConfigurationError.Problem] = []
  private var omittedCount = 0

  var isFull: Bool { problems.count == Self.limit }

  mutating func add(_ message: String, at place: Place) {
    guard !isFull else {
      omittedCount += 1
      return
    }
    problems.append(.init(source: place.source, line: place.line, message: message))
  }

  /// The problems as an error, `nil` when there are none.
  var error: ConfigurationError? {
    guard !problems.isEmpty else { return nil }
    let sorted = problems.enumerated().sorted { first, second in
      (Self.order(first.element), first.offset) < (Self.order(second.element), second.offset)
    }
    return ConfigurationError(problems: sorted.map(\.element), omittedCount: omittedCount)
  }

  private static func order(_ problem: ConfigurationError.Problem) -> Int {
    problem.source == Place.override.source ? Int.max : problem.line ?? Int.max - 1
  }
}

/// Where a value comes from.
struct Place: Sendable {
  let source: String
  let line: Int?

  static let override = Place(source: "--set", line: nil)
}

extension String {
  /// This text as a message may show it: short, and without characters that move a cursor.
  var shown: String {
    let limit = 60
    let head = prefix(limit).unicodeScalars.map { $0.isAcceptedInText ? Character($0) : "?" }
    return String(head) + (count > limit ? "…" : "")
  }
}

extension Unicode.Scalar {
  /// Whether a configuration may hold this character.
  ///
  /// Refused are control characters, line ends other than LF (YAML 1.1 breaks lines at NEL, LS and
  /// PS as well), the byte order mark within a text, and noncharacters.
  var isAcceptedInText: Bool {
    switch value {
    case 0..<0x20, 0x7F..<0xA0, 0x2028, 0x2029, 0xFEFF, 0xFFFE, 0xFFFF: false
    default: true
    }
  }
}
