import Yams

/// The door to the YAML parser: everything that is parsed passes here.
enum YAMLText {
  /// Why a text cannot be read, and the line, from 1, where one is known.
  struct Unreadable: Error {
    let line: Int?
    let message: String
  }

  /// Bytes; the embedded example has less than 10,000.
  static let sizeLimit = 1_000_000

  /// The only document of a text, `nil` where it has none.
  ///
  /// - Throws: ``Unreadable`` for what ``YAMLScreen`` refuses, characters that have no place in a
  ///   configuration, and what is not YAML.
  static func compose(_ text: String) throws(Unreadable) -> Node? {
    guard text.utf8.count <= sizeLimit else { throw .tooLarge }
    let text = try normalized(text)
    do {
      try YAMLScreen.check(text)
      // The basic resolver gives no scalar a type, so that equal keys are those of equal text.
      return try Parser(yaml: text, resolver: .basic, encoding: .utf8).singleRoot()
    } catch let refusal as YAMLScreen.Refusal {
      throw Unreadable(line: refusal.line, message: refusal.message)
    } catch let error as YamlError {
      throw Unreadable(error, in: text)
    } catch {
      throw Unreadable(line: nil, message: "not valid YAML: \(error)")
    }
  }

  /// The text without a byte order mark and with LF at its lines' ends.
  private static func normalized(_ text: String) throws(Unreadable) -> String {
    var scalars = String.UnicodeScalarView()
    var line = 1
    var previous: Unicode.Scalar?
    for scalar in text.unicodeScalars {
      defer { previous = scalar }
      if scalar == "\u{FEFF}" && previous == nil { continue }
      // A carriage return is dropped before a line feed and refused elsewhere.
      if previous == "\r" && scalar != "\n" { throw .character("\r", line: line) }
      switch scalar {
      case "\r": continue
      case "\n": line += 1
      case "\t": break
      default:
        guard scalar.isAcceptedInText else { throw .character(scalar, line: line) }
      }
      scalars.append(scalar)
    }
    if previous == "\r" { throw .character("\r", line: line) }
    return String(scalars)
  }
}

extension YAMLText.Unreadable {
  static let tooLarge = Self(
    line: nil,
    message: "larger than \(YAMLText.sizeLimit) bytes: a configuration is a small text file")

  static func character(_ scalar: Unicode.Scalar, line: Int) -> Self {
    let digits = String(scalar.value, radix: 16, uppercase: true)
    let code = String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    return Self(line: line, message: "the control character U+\(code) is not accepted: take it out")
  }

  init(_ error: YamlError, in text: String) {
    switch error {
    case .scanner(_, _, let mark, _) where Self.isTab(at: mark, in: text):
      self.init(line: mark.line, message: YAMLScreen.tabMessage)
    case .scanner(let context, let problem, let mark, _),
      .parser(let context, let problem, let mark, _):
      let detail = context.map { " (\($0.text))" } ?? ""
      self.init(line: mark.line, message: "not valid YAML: \(problem)\(detail)")
    case .composer(_, _, let mark, _):
      // Aliases are refused before, so that this is all a composer can find.
      self.init(line: mark.line, message: "a second document starts here: keep one in the file")
    case .duplicatedKeysInMapping(let keys, let context):
      // The parser's place is that of the first.
      let names = keys.prefix(3).map(\.shown).joined(separator: ", ")
      let more = keys.count > 3 ? " and \(keys.count - 3) more keys" : ""
      self.init(
        line: context.mark.line,
        message: "\(names)\(more) given here, and again further down in the same mapping: keep one")
    default:
      self.init(line: nil, message: "not valid YAML: \(error)")
    }
  }

  private static func isTab(at mark: Mark, in text: String) -> Bool {
    let lines = text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false)
    guard lines.indices.contains(mark.line - 1) else { return false }
    return lines[mark.line - 1].dropFirst(mark.column - 1).first == "\t"
  }
}
