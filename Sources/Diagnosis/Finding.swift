/// What one check of `prdp doctor` came to.
public struct Finding: Codable, Sendable, Equatable {
  /// How bad it is.
  public enum Grade: String, Codable, Sendable {
    /// As it should be.
    case ok
    /// A run would work, but not as well as it could.
    case warn
    /// A run would fail, or could lose work.
    case fail
  }

  /// How bad it is.
  public let grade: Grade
  /// The machine; empty where it is about all of them.
  public let host: String
  /// What was looked at.
  public let subject: String
  /// What was found.
  public let found: String
  /// What to do about it; `nil` where all is well.
  public let advice: String?

  /// A finding; advice belongs to those that are not ok.
  public init(
    _ grade: Grade, _ host: String, _ subject: String, _ found: String, advice: String? = nil
  ) {
    self.grade = grade
    self.host = host
    self.subject = subject
    self.found = found
    self.advice = advice
  }

  /// A line for a person.
  ///
  /// - Parameter hostWidth: Of the column of hosts.
  public func line(hostWidth: Int) -> String {
    "\(filled(grade.rawValue, 4))  \(filled(host, hostWidth))  \(filled(subject, 9))  \(found)"
      + (advice.map { ": \($0)" } ?? "")
  }
}
