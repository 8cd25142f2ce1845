extension RunConfiguration {
  /// The value of the key at `path`, such as `method.beta`, as YAML on one line.
  ///
  /// - Throws: ``ConfigurationError`` where there is no such key.
  public func yamlValue(of path: String) throws(ConfigurationError) -> String {
    if let key = Schema.keyByPath[path] { return key.yaml(self) }
    let advice = Schema.suggestion(for: path).map { "; did you mean \($0)?" } ?? ""
    throw ConfigurationError(
      problems: [.init(source: "", line: nil, message: "\(path.shown) is not a key\(advice)")],
      omittedCount: 0)
  }
}
