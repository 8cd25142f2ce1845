import Yams

/// A type that a key of the configuration can have.
protocol ConfigurationValue: Sendable, Equatable {
  /// Reads the value, or reports why it is none and returns `nil`.
  static func read(
    _ node: Node, of key: String, expecting expectation: String, from place: Place,
    into report: inout ProblemReport
  ) -> Self?

  /// The value on one line of YAML, as `--set` takes it.
  var yaml: String { get }

  /// The value on lines of its own below its key; empty where one line is enough.
  var yamlLines: [String] { get }

  /// What of the value must stay the same on a resume, as YAML on one line.
  var lastingYAML: String { get }
}

extension ConfigurationValue {
  var yamlLines: [String] { [] }
  var lastingYAML: String { yaml }
}

/// A value written as one scalar.
protocol ScalarValue: ConfigurationValue {
  /// - Returns: `nil` where the scalar is no such value.
  init?(_ scalar: ScalarText)

  /// What to do about a scalar that is no such value, empty when there is nothing to say.
  static func advice(on scalar: ScalarText) -> String
}

extension ScalarValue {
  static func read(
    _ node: Node, of key: String, expecting expectation: String, from place: Place,
    into report: inout ProblemReport
  ) -> Self? {
    let scalar = node.scalarText
    if let value = scalar.flatMap(Self.init) { return value }
    let advice = scalar.map(Self.advice) ?? ""
    report.add("\(key) must be \(expectation), got \(node.shown)\(advice)", at: place)
    return nil
  }

  static func advice(on scalar: ScalarText) -> String {
    guard scalar.meaning != .null, Self(scalar.requoted) != nil else { return "" }
    return scalar.isQuoted ? "; take the quotes away" : "; put it in quotes"
  }
}

extension Int: ScalarValue {
  init?(_ scalar: ScalarText) {
    // Only the canonical form: in YAML 1.1 010 is eight and 1_0 is ten, so neither is clear.
    guard !scalar.isQuoted, let value = Int(scalar.text), "\(value)" == scalar.text else {
      return nil
    }
    self = value
  }

  var yaml: String { "\(self)" }
}

extension Double: ScalarValue {
  init?(_ scalar: ScalarText) {
    // The digits keep out what Double reads besides: hexadecimal, inf and nan.
    guard !scalar.isQuoted, scalar.text.allSatisfy({ "+-.eE0123456789".contains($0) }),
      let value = Double(scalar.text), value.isFinite
    else { return nil }
    self = value
  }

  var yaml: String {
    let text = "\(self)"
    if text.hasSuffix(".0") { return String(text.dropLast(2)) }
    // Readers of YAML 1.1, such as PyYAML, take 5e-05 for a text and 5.0e-05 for a number.
    guard let exponent = text.firstIndex(of: "e"), !text.contains(".") else { return text }
    return text[..<exponent] + ".0" + text[exponent...]
  }
}

extension String: ScalarValue {
  init?(_ scalar: ScalarText) {
    guard scalar.meaning == .text else { return nil }
    self = scalar.text
  }

  var yaml: String { ScalarText.yaml(self) }
}

extension Bool: ScalarValue {
  init?(_ scalar: ScalarText) {
    // Only YAML 1.2's words: a person who writes `on` may mean the text.
    guard !scalar.isQuoted, let value = Bool(scalar.text) else { return nil }
    self = value
  }

  var yaml: String { "\(self)" }
}

extension Optional: ConfigurationValue, ScalarValue where Wrapped: ScalarValue {
  init?(_ scalar: ScalarText) {
    if scalar.meaning == .null {
      self = .none
    } else {
      guard let value = Wrapped(scalar) else { return nil }
      self = .some(value)
    }
  }

  var yaml: String { self?.yaml ?? "null" }
}

/// A value that is one of a few words.
protocol Choice: ScalarValue, CaseIterable, RawRepresentable where RawValue == String {
  /// Other words for some of them, in lower case; offered where one is written.
  static var knownAs: [String: Self] { get }
}

extension Choice {
  static var knownAs: [String: Self] { [:] }

  init?(_ scalar: ScalarText) {
    self.init(rawValue: scalar.text)
  }

  static func advice(on scalar: ScalarText) -> String {
    let meant =
      knownAs[scalar.text.lowercased()]?.rawValue
      ?? allCases.map(\.rawValue).nearest(to: scalar.text)
    return meant.map { "; did you mean \($0)?" } ?? ""
  }

  var yaml: String { ScalarText.yaml(rawValue) }
}
