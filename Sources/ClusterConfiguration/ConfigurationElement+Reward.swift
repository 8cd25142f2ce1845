import Yams

/// A list of mappings: `[{name: scene-alignment, weight: 1}]`.
extension RunConfiguration.Reward: ConfigurationElement {
  static func readAll(
    _ node: Node, of key: String, expecting expectation: String, from place: Place,
    into report: inout ProblemReport
  ) -> [Self]? {
    node.items(
      of: key, expecting: expectation, writtenAs: briefYAML,
      from: place, into: &report, read: read)
  }

  private static func read(
    _ item: Node, _ path: String, _ place: Place, _ report: inout ProblemReport
  ) -> Self? {
    guard let mapping = item.mapping, let nameNode = mapping["name"] else {
      let lack = item.mapping == nil ? "" : " without a name"
      report.add("\(path) must be {name: …, weight: …}, got \(item.shown)\(lack)", at: place)
      return nil
    }
    let name = String.read(
      nameNode, of: "\(path).name", expecting: "a text", from: place, into: &report)
    guard let name, let kind = kind(of: mapping, name, path, place, &report) else {
      // Without a kind nobody knows what else there may be.
      if let weight = mapping["weight"] {
        _ = Double.read(
          weight, of: "\(path).weight", expecting: "a number", from: place.at(weight),
          into: &report)
      }
      return nil
    }
    var reward = Self(kind, name: name)
    let isRead = mapping.map { field, value in
      read(field, value, into: &reward, path, place.at(field), &report)
    }
    return isRead.allSatisfy(\.self) ? reward : nil
  }

  /// The kind that is stated, or that of this name.
  private static func kind(
    of mapping: Node.Mapping, _ name: String, _ path: String, _ place: Place,
    _ report: inout ProblemReport
  ) -> Kind? {
    let kinds = Kind.allCases.map(\.rawValue)
    if let node = mapping["kind"] {
      return Kind.read(
        node, of: "\(path).kind", expecting: kinds.alternatives, from: place.at(node),
        into: &report)
    }
    if let kind = Kind(rawValue: name) { return kind }
    let suggestion = kinds.nearest(to: name).map { "; did you mean \($0)?" } ?? ""
    report.add(
      "\(path).name must be \(kinds.alternatives) where no kind is stated, got \(name.shown)"
        + suggestion, at: place)
    return nil
  }

  /// Reads one of the keys.
  ///
  /// - Returns: `false` where a problem was reported.
  private static func read(
    _ field: Node, _ value: Node, into reward: inout Self, _ path: String, _ place: Place,
    _ report: inout ProblemReport
  ) -> Bool {
    let key = "\(path).\(field.shown)"
    let settings = reward.kind.settings
    switch field.string ?? "" {
    case "name", "kind": return true
    case "weight":
      let weight = Double.read(
        value, of: key, expecting: "a number", from: place, into: &report)
      reward.weight = weight ?? reward.weight
      return weight != nil
    case let name:
      if let setting = settings.first(where: { $0.name == name }) {
        return setting.read(value, key, place, &reward, &report)
      }
      let others = RewardSetting.all.filter { $0.name == name }.flatMap(\.kinds).map(\.rawValue)
      let known = ["name", "kind", "weight"] + settings.map(\.name)
      let advice =
        others.isEmpty
        ? known.nearest(to: name).map { "is not a known key; did you mean \(path).\($0)?" }
          ?? "is not a known key; a reward of kind \(reward.kind.rawValue) has \(known.enumeration)"
        : "is no setting of kind \(reward.kind.rawValue), but of \(others.enumeration)"
      report.add("\(key) \(advice)", at: place)
      return false
    }
  }

  static func yaml(of elements: [Self]) -> String {
    "[" + elements.map { $0.yaml { _ in true } }.joined(separator: ", ") + "]"
  }

  static func lastingYAML(of elements: [Self]) -> String {
    "[" + elements.map { $0.yaml { !$0.mayChangeOnResume } }.joined(separator: ", ") + "]"
  }

  static func yamlLines(of elements: [Self]) -> [String] {
    elements.map { "- " + $0.yaml { _ in true } }
  }

  /// A list of some of which no more is known than their names.
  private static func briefYAML(_ names: [String]) -> String {
    let items = names.map { "{name: \($0.yaml), weight: \(defaultWeight.yaml)}" }
    return "[" + items.joined(separator: ", ") + "]"
  }

  private func yaml(_ isWritten: (RewardSetting) -> Bool) -> String {
    let kindText = name == kind.rawValue ? [] : ["kind: \(kind.yaml)"]
    let settings = kind.settings.filter(isWritten).map { "\($0.name): \($0.yaml(self))" }
    return "{"
      + (["name: \(name.yaml)"] + kindText + ["weight: \(weight.yaml)"] + settings)
      .joined(separator: ", ") + "}"
  }
}
