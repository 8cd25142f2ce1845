extension RunConfiguration {
  /// A key with two values.
  public struct Difference: Sendable, Equatable, CustomStringConvertible {
    /// The key's path.
    public let key: String
    /// The earlier value, as YAML on one line.
    public let old: String
    /// The value now, as YAML on one line.
    public let new: String

    /// `method.beta was 0.0005 and is 0.001`.
    public var description: String { "\(key) was \(old) and is \(new)" }
  }

  /// The settings that must not change on a resume, a line each: what makes a run the same run.
  public var lastingSettings: String {
    Schema.keys.filter { !$0.mayChangeOnResume }.map { "\($0.path): \($0.yaml(self))\n" }.joined()
  }

  /// The keys that forbid going on with a run that was started with `old`: those that differ and have
  /// to stay; empty when there are none. `run.epochs` may change, although a cosine schedule depends
  /// on it.
  public func differences(from old: RunConfiguration) -> [Difference] {
    Schema.keys.filter { !$0.mayChangeOnResume && $0.yaml(self) != $0.yaml(old) }.map {
      Difference(key: $0.path, old: $0.yaml(old), new: $0.yaml(self))
    }
  }
}
