extension RunConfiguration {
  /// What stands at `path`, as YAML: the value of a key, such as `method.beta`, on one line; of a
  /// section, such as `model.lora`, all its keys at their place in a configuration.
  ///
  /// - Throws: ``ConfigurationError`` where there is no such key or section.
  public func yamlValue(of path: String) throws(ConfigurationError) -> String {
    if let key = Schema.keyByPath[path] { return key.yaml(self) }
    if Schema.groups.contains(path) {
      return yaml(of: Schema.keys.filter { $0.groups.contains(path) })
    }
    let advice =
      Schema.key(withPart: path).map { "is a part of \($0.path), which is shown as a whole" }
      ?? Schema.advice(on: path)
    throw ConfigurationError(
      problems: [.init(source: "", line: nil, message: "\(path.shown) \(advice)")],
      omittedCount: 0)
  }

  /// The paths of all keys, in the order of the schema.
  public static var keyPaths: [String] { Schema.keys.map(\.path) }

  /// The paths of all sections and sections within them, in the order of the schema.
  public static var sectionPaths: [String] { Schema.groups }
}
