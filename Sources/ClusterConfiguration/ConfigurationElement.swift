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
  /// What of them must stay the same on a resume, as YAML on one line.
  static func lastingYAML(of elements: [Self]) -> String
}

extension ConfigurationElement {
  static func lastingYAML(of elements: [Self]) -> String { yaml(of: elements) }
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
  var lastingYAML: String { Element.lastingYAML(of: self) }
}

extension Array {
  /// All of them, or `nil` where one is missing.
  func allPresent<Value>() -> [Value]? where Element == Value? {
    let present = compactMap { $0 }
    return present.count == count ? present : nil
  }
}

extension Node {
  /// What to write where this is `to_q, to_k` and should be a list; empty where it is not.
  func adviceToBracket(_ yaml: ([String]) -> String) -> String {
    guard let scalarText, scalarText.meaning == .text else { return "" }
    let items = scalarText.text.split(separator: ",").map {
      $0.split(separator: " ").joined(separator: " ")
    }.filter { !$0.isEmpty }
    let form = yaml(items)
    // Half a form would be no help.
    return items.isEmpty || form.shown != form ? "" : "; write it as \(form)"
  }
}

extension Node {
  /// Reads the items of a list, or reports why not and returns `nil`.
  ///
  /// - Parameters:
  ///   - form: The list of some texts, as it is written.
  ///   - read: Reads an item, given its path.
  func items<Element>(
    of key: String, expecting expectation: String, writtenAs form: ([String]) -> String,
    from place: Place, into report: inout ProblemReport,
    read: (_ item: Node, _ path: String, Place, inout ProblemReport) -> Element?
  ) -> [Element]? {
    guard let sequence else {
      let advice = adviceToBracket(form)
      report.add("\(key) must be \(expectation), got \(shown)\(advice)", at: place)
      return nil
    }
    return sequence.enumerated().map { index, item in
      read(item, "\(key)[\(index)]", place.at(item), &report)
    }.allPresent()
  }

  /// Reads `{name: …, field: …}`, the field with a default, or reports why not and returns `nil`.
  ///
  /// - Parameters:
  ///   - nameField: What the name is called.
  ///   - thing: What has the name and the field: `a reward`.
  func named<Value: ScalarValue>(
    as nameField: String = "name", with fieldName: String, expecting expectation: String,
    default defaultValue: Value, in key: String, describing thing: String, from place: Place,
    into report: inout ProblemReport
  ) -> (name: String, value: Value)? {
    guard let mapping, mapping[.init(nameField)] != nil else {
      let lack = mapping == nil ? "" : " without a \(nameField)"
      report.add(
        "\(key) must be {\(nameField): …, \(fieldName): …}, got \(shown)\(lack)", at: place)
      return nil
    }
    var name: String?
    var value: Value? = defaultValue
    var hasOnlyKnownKeys = true
    for (field, node) in mapping {
      let place = place.at(field)
      switch field.string {
      case nameField:
        name = String.read(
          node, of: "\(key).\(nameField)", expecting: "a text", from: place, into: &report)
      case fieldName:
        value = Value.read(
          node, of: "\(key).\(fieldName)", expecting: expectation, from: place, into: &report)
      default:
        let suggestion = [nameField, fieldName].nearest(to: field.string ?? "")
          .map { "did you mean \(key).\($0)?" }
        report.add(
          "\(key).\(field.shown) is not a known key; "
            + (suggestion ?? "\(thing) has a \(nameField) and a \(fieldName)"), at: place)
        hasOnlyKnownKeys = false
      }
    }
    guard let name, let value, hasOnlyKnownKeys else { return nil }
    return (name, value)
  }
}

extension Node.Mapping {
  /// Reads a mapping of names to texts, or reports why not and returns `nil`.
  ///
  /// - Parameter takesNumbers: Whether a plain number or boolean is the text it is written with.
  func texts(
    of key: String, expecting expectation: String, takingNumbers takesNumbers: Bool = false,
    from place: Place, into report: inout ProblemReport
  ) -> [(name: String, text: String)]? {
    map { field, value -> (name: String, text: String)? in
      let place = place.at(field)
      let name = String.read(
        field, of: "a name in \(key)", expecting: "a text", from: place, into: &report)
      let text = String.read(
        takesNumbers ? value.asText : value, of: "\(key).\(field.shown)", expecting: expectation,
        from: place, into: &report)
      guard let name, let text else { return nil }
      return (name, text)
    }.allPresent()
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
    node.items(
      of: key, expecting: expectation, writtenAs: yaml(of:), from: place, into: &report
    ) { item, path, place, report in
      String.read(item, of: path, expecting: "a text", from: place, into: &report)
    }
  }

  static func yaml(of elements: [String]) -> String {
    "[" + elements.map(\.yaml).joined(separator: ", ") + "]"
  }

  static func yamlLines(of elements: [String]) -> [String] { [] }
}

/// A path, or a list of paths and mappings: `[{path: a.txt, weight: 2}, b.txt]`.
extension RunConfiguration.Data.Source: ConfigurationElement {
  static func readAll(
    _ node: Node, of key: String, expecting expectation: String, from place: Place,
    into report: inout ProblemReport
  ) -> [Self]? {
    if node.scalar != nil {
      return String.read(node, of: key, expecting: expectation, from: place, into: &report)
        .map { [Self(path: $0)] }
    }
    return node.items(
      of: key, expecting: expectation, writtenAs: { yaml(of: $0.map { Self(path: $0) }) },
      from: place, into: &report
    ) { item, path, place, report in
      if item.scalar != nil {
        return String.read(item, of: path, expecting: "a path", from: place, into: &report)
          .map { Self(path: $0) }
      }
      return item.named(
        as: "path", with: "weight", expecting: "an integer", default: Self.defaultWeight, in: path,
        describing: "a file of prompts", from: place, into: &report
      ).map { Self(path: $0.name, weight: $0.value) }
    }
  }

  static func yaml(of elements: [Self]) -> String {
    if let single = single(of: elements) { return single.path.yaml }
    return "[" + elements.map(\.yaml).joined(separator: ", ") + "]"
  }

  static func yamlLines(of elements: [Self]) -> [String] {
    single(of: elements) == nil ? elements.map { "- " + $0.yaml } : []
  }

  /// The one file, whose weight makes no difference.
  private static func single(of elements: [Self]) -> Self? {
    elements.count == 1 && elements[0].weight == defaultWeight ? elements[0] : nil
  }

  private var yaml: String { "{path: \(path.yaml), weight: \(weight.yaml)}" }
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
    return mapping.texts(of: key, expecting: "a path", from: place, into: &report)?
      .map { Self(name: $0.name, prompts: $0.text) }
  }

  static func yaml(of elements: [Self]) -> String {
    "{" + elements.map(\.yaml).joined(separator: ", ") + "}"
  }

  static func yamlLines(of elements: [Self]) -> [String] { elements.map(\.yaml) }

  private var yaml: String { "\(name.yaml): \(prompts.yaml)" }
}
