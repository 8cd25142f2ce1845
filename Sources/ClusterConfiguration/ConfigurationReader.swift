import Yams

/// Reads a document and overrides into a configuration and keeps account of what is wrong.
struct ConfigurationReader {
  private let source: String
  private var configuration = RunConfiguration()
  private var report = ProblemReport()
  /// Where each key's value came from; a key that is not here has its default.
  private(set) var places: [String: Place] = [:]
  /// The keys with a value that could not be read.
  private var unreadable: Set<String> = []
  private var hasReadableDocument = false

  init(source: String) {
    self.source = source
  }

  mutating func readDocument(_ text: String) {
    let file = Place(source: source, line: nil)
    do {
      guard let root = try YAMLText.compose(text) else {
        report.add("the file is empty: it must have sections, such as run and method", at: file)
        return
      }
      guard let mapping = root.mapping else {
        report.add(
          "the file must be a mapping of sections, got \(root.shown)",
          at: Place(source: source, line: root.mark?.line))
        return
      }
      hasReadableDocument = true
      read(mapping, under: "")
    } catch {
      report.add(error.message, at: Place(source: source, line: error.line))
    }
  }

  mutating func readOverride(_ override: String) {
    let parts = override.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    guard let path = parts.first.map(String.init), parts.count == 2 else {
      report.add("\(override.shown) must be key=value, such as method.beta=1e-4", at: .override)
      return
    }
    guard let key = Schema.keyByPath[path] else {
      reportUnknown(path, at: .override)
      return
    }
    do {
      let value = try YAMLText.compose(String(parts[1])) ?? .scalar(.init("", .implicit, .plain))
      // A shell takes quotes away, and who writes run.output=2024 means the folder.
      read(key, from: key.isText ? value.asText : value, at: .override)
    } catch {
      report.add("\(path): \(error.message)", at: .override)
    }
  }

  /// The configuration.
  ///
  /// - Parameter relations: Rules between keys that it must keep.
  /// - Throws: ``ConfigurationError`` when anything was wrong or any rule is broken.
  mutating func finish(
    keeping relations: [ConfigurationRelation]
  ) throws(ConfigurationError) -> RunConfiguration {
    if hasReadableDocument {
      let brokenRules = configuration.brokenRules(apartFrom: unreadable, relations)
      for (paths, message) in brokenRules {
        let stated = paths.compactMap { places[$0] }
        let blamed = stated.first { $0.line == nil } ?? stated.first
        report.add(message, at: blamed ?? Place(source: source, line: nil))
      }
    }
    if let error = report.error { throw error }
    return configuration
  }

  private mutating func read(_ mapping: Node.Mapping, under group: String) {
    for (nameNode, value) in mapping {
      let place = Place(source: source, line: nameNode.mark?.line)
      guard let name = nameNode.scalar?.string else {
        report.add("a key must be a name, got \(nameNode.shown)", at: place)
        continue
      }
      let path = group.isEmpty ? name : "\(group).\(name)"
      if name.contains(".") {
        report.add("\(path.shown) must be written within its section, without a dot", at: place)
      } else if let key = Schema.keyByPath[path] {
        read(key, from: value, at: place)
      } else if Schema.groups.contains(path) {
        readGroup(path, from: value, at: place)
      } else {
        reportUnknown(path, at: place)
      }
    }
  }

  private mutating func readGroup(_ path: String, from value: Node, at place: Place) {
    if let mapping = value.mapping {
      read(mapping, under: path)
    } else if value.scalarText?.meaning != .null {
      // Null is a section whose keys are all commented out.
      report.add("\(path) must be a mapping of its keys, got \(value.shown)", at: place)
    }
  }

  private mutating func read(_ key: ConfigurationKey, from value: Node, at place: Place) {
    places[key.path] = place
    if key.read(value, place, &configuration, &report) {
      unreadable.remove(key.path)
    } else {
      unreadable.insert(key.path)
    }
  }

  private mutating func reportUnknown(_ path: String, at place: Place) {
    let advice: String
    if Schema.groups.contains(path) {
      let first = Schema.keys.first { $0.groups.contains(path) }?.path ?? path
      advice = "is a section: set one of its keys, such as \(first)"
    } else if let whole = Schema.key(withPart: path) {
      advice = "is a part of \(whole.path), which is set as a whole"
    } else {
      advice = report.isFull ? Schema.adviceOnUnknown : Schema.advice(on: path)
    }
    report.add("\(path.shown) \(advice)", at: place)
  }
}

extension Node {
  /// A plain number or boolean as the text that it is written with.
  var asText: Node {
    switch scalarText?.meaning {
    case .number, .boolean: .scalar(.init(scalarText?.text ?? "", .implicit, .doubleQuoted))
    case .null, .text, nil: self
    }
  }
}
