import Yams

/// A list of mappings: `[{name: node1, slots: 8}]`.
extension RunConfiguration.Cluster.Host: ConfigurationElement {
  static func readAll(
    _ node: Node, of key: String, expecting expectation: String, from place: Place,
    into report: inout ProblemReport
  ) -> [Self]? {
    node.items(
      of: key, expecting: expectation, writtenAs: { yaml(of: $0.map { Self(name: $0) }) },
      from: place, into: &report
    ) { item, path, place, report in
      item.named(
        with: "slots", expecting: "an integer", default: Self.defaultSlots, in: path,
        describing: "a host", from: place, into: &report
      ).map { Self(name: $0.name, slots: $0.value) }
    }
  }

  static func yaml(of elements: [Self]) -> String {
    "[" + elements.map(\.yaml).joined(separator: ", ") + "]"
  }

  static func yamlLines(of elements: [Self]) -> [String] { elements.map { "- " + $0.yaml } }

  private var yaml: String { "{name: \(name.yaml), slots: \(slots.yaml)}" }
}

/// A mapping of names to values: `{mpi_yield_when_idle: "1"}`.
extension RunConfiguration.Cluster.MCASetting: ConfigurationElement {
  static func readAll(
    _ node: Node, of key: String, expecting expectation: String, from place: Place,
    into report: inout ProblemReport
  ) -> [Self]? {
    guard let mapping = node.mapping else {
      report.add("\(key) must be \(expectation), got \(node.shown)", at: place)
      return nil
    }
    return mapping.texts(
      of: key, expecting: "a text or a number", takingNumbers: true, from: place, into: &report)?
      .map { Self(name: $0.name, value: $0.text) }
  }

  static func yaml(of elements: [Self]) -> String {
    "{" + elements.map(\.yaml).joined(separator: ", ") + "}"
  }

  static func yamlLines(of elements: [Self]) -> [String] { elements.map(\.yaml) }

  private var yaml: String { "\(name.yaml): \(value.yaml)" }
}
