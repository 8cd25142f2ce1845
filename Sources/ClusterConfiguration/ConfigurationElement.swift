import Yams

/// A type of which a key of the configuration can have several.
protocol ConfigurationElement: Sendable, Equatable {
  /// Reads all of them, or reports why not and returns `nil`.
  static func readAll(
    _ node: Node, of key: String, expecting expectation: String, from place: Place,
    into report: inout ProblemReport
  ) -> [Self]?

  static func yaml(of elements: [Self]) -> String
  static func yamlLines(of elements: [Self]) -> [String]
}

extension Array: ConfigurationValue where Element: ConfigurationElement {
  static func read(
    _ node: Node, of key: String, expecting expectation: String, from place: Place,
    into report: inout ProblemReport
  ) -> [Element]? {
    Element.readAll(node, of: key, expecting: expectation, from: place, into: &report)
  }

  var yaml: String { Element.yaml(of: self) }
  var yamlLines: [String] { Element.yamlLines(of: self) }
}

extension Array {
  /// All of them, or `nil` where one is missing.
  fileprivate func allPresent<Value>() -> [Value]? where Element == Value? {
    let present = compactMap { $0 }
    return present.count == count ? present : nil
  }
}

extension Node {
  /// What to write where this is `to_q, to_k` and should be a list; empty where it is not.
  fileprivate func adviceToBracket(_ yaml: ([String]) -> String) -> String {
    guard let scalarText, scalarText.meaning == .text else { return "" }
    let items = scalarText.text.split(separator: ",").map {
      $0.split(separator: " ").joined(separator: " ")
    }.filter { !$0.isEmpty }
    let form = yaml(items)
    // Half a form would be no help.
    return items.isEmpty || form.shown != form ? "" : "; write it as \(form)"
  }
}

extension Place {
  /// This place, at the line of `node` where it lies in a file.
  func at(_ node: Node) -> Place {
    line == nil ? self : Place(source: source, line: node.mark?.line ?? line)
  }
}

/// A list of texts: `[to_q, to_k]`.
extension String: ConfigurationElement {
  static func readAll(
    _ node: Node, of key: String, expecting expectation: String, from place: Place,
    into report: inout ProblemReport
  ) -> [String]? {
    guard let list = node.sequence else {
      let advice = node.adviceToBracket { yaml(of: $0) }
      report.add("\(key) must be \(expectation), got \(node.shown)\(advice)", at: place)
      return nil
    }
    return list.enumerated().map { index, item in
      String.read(
        item, of: "\(key)[\(index)]", expecting: "a text", from: place.at(item), into: &report)
    }.allPresent()
  }

  static func yaml(of elements: [String]) -> String {
    "[" + elements.map(\.yaml).joined(separator: ", ") + "]"
  }

  static func yamlLines(of elements: [String]) -> [String] { [] }
}

/// A list of mappings: `[{name: scene-alignment, weight: 1}]`.
extension RunConfiguration.Reward: ConfigurationElement {
  static func readAll(
    _ node: Node, of key: String, expecting expectation: String, from place: Place,
    into report: inout ProblemReport
  ) -> [Self]? {
    guard let list = node.sequence else {
      let advice = node.adviceToBracket { yaml(of: $0.map { Self(name: $0) }) }
      report.add("\(key) must be \(expectation), got \(node.shown)\(advice)", at: place)
      return nil
    }
    return list.enumerated().map { index, item in
      read(item, of: "\(key)[\(index)]", from: place.at(item), into: &report)
    }.allPresent()
  }

  private static func read(
    _ node: Node, of key: String, from place: Place, into report: inout ProblemReport
  ) -> Self? {
    guard let mapping = node.mapping, mapping["name"] != nil else {
      let lack = node.mapping == nil ? "" : " without a name"
      report.add("\(key) must be {name: …, weight: …}, got \(node.shown)\(lack)", at: place)
      return nil
    }
    var name: String?
    var weight: Double? = Self.defaultWeight
    var hasOnlyKnownKeys = true
    for (field, value) in mapping {
      let place = place.at(field)
      switch field.string {
      case "name":
        name = String.read(
          value, of: "\(key).name", expecting: "a text", from: place, into: &report)
      case "weight":
        weight = Double.read(
          value, of: "\(key).weight", expecting: "a number", from: place, into: &report)
      default:
        let suggestion = ["name", "weight"].nearest(to: field.string ?? "")
          .map { "did you mean \(key).\($0)?" }
        report.add(
          "\(key).\(field.shown) is not a known key; "
            + (suggestion ?? "a reward has a name and a weight"), at: place)
        hasOnlyKnownKeys = false
      }
    }
    guard let name, let weight, hasOnlyKnownKeys else { return nil }
    return Self(name: name, weight: weight)
  }

  static func yaml(of elements: [Self]) -> String {
    "[" + elements.map(\.yaml).joined(separator: ", ") + "]"
  }

  static func yamlLines(of elements: [Self]) -> [String] {
    elements.map { "- " + $0.yaml }
  }

  private var yaml: String { "{name: \(name.yaml), weight: \(weight.yaml)}" }
}

/// A mapping of names to paths: `{seen: prompts/seen.txt}`.
extension RunConfiguration.EvaluationSet: ConfigurationElement {
  static func readAll(
    _ node: Node, of key: String, expecting expectation: String, from place: Place,
    into report: inout ProblemReport
  ) -> [Self]? {
    guard let mapping = node.mapping else {
      report.add("\(key) must be \(expectation), got \(node.shown)", at: place)
      return nil
    }
    return mapping.map { field, value -> Self? in
      let place = place.at(field)
      let name = String.read(
        field, of: "a name in \(key)", expecting: "a text", from: place, into: &report)
      let path = String.read(
        value, of: "\(key).\(field.shown)", expecting: "a path", from: place, into: &report)
      guard let name, let path else { return nil }
      return Self(name: name, prompts: path)
    }.allPresent()
  }

  static func yaml(of elements: [Self]) -> String {
    "{" + elements.map(\.yaml).joined(separator: ", ") + "}"
  }

  static func yamlLines(of elements: [Self]) -> [String] { elements.map(\.yaml) }

  private var yaml: String { "\(name.yaml): \(prompts.yaml)" }
}
