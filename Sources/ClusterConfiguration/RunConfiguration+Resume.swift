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
    Schema.keys.compactMap { key in key.lastingYAML(self).map { "\(key.path): \($0)\n" } }.joined()
  }

  /// The keys that forbid going on with a run that was started with `old`: those that differ and have
  /// to stay; empty when there are none. `run.epochs` may change, although a cosine schedule depends
  /// on it.
  public func differences(from old: RunConfiguration) -> [Difference] {
    Schema.keys.compactMap { key in
      guard let now = key.lastingYAML(self), let then = key.lastingYAML(old), now != then else {
        return nil
      }
      return Difference(key: key.path, old: then, new: now)
    }
  }
}
