import Yams

/// One YAML scalar as written: its characters, and whether quotes stand around them.
///
/// The project reads scalars itself. YAML 1.1 makes `no` a boolean, `1:30` ninety and `5e-4` a
/// text; here a value is what its key expects, and what looks like something else is refused.
struct ScalarText {
  let text: String
  let isQuoted: Bool

  /// What a reader of YAML takes the scalar for.
  enum Meaning {
    case null, boolean, number, text
  }

  var meaning: Meaning {
    if isQuoted { return .text }
    switch text.lowercased() {
    case "", "~", "null": return .null
    case "true", "false", "yes", "no", "on", "off": return .boolean
    case ".nan", ".inf", "-.inf", "+.inf": return .number
    default: break
    }
    let beginsLikeNumber = text.first.map { "+-.0123456789".contains($0) } ?? false
    return beginsLikeNumber && Double(text) != nil ? .number : .text
  }

  /// The same characters with quotes where there were none, and without where there were.
  var requoted: ScalarText { ScalarText(text: text, isQuoted: !isQuoted) }

  /// The text as YAML: plain where every reader takes it for a text, else in double quotes.
  static func yaml(_ text: String) -> String {
    let plain = ScalarText(text: text, isQuoted: false)
    let isPlain = text.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"): true
      case UInt8(ascii: "/"), UInt8(ascii: "."), UInt8(ascii: "-"): true
      default: false
      }
    }
    let beginsLikeText = text.first.map { $0.isLetter || $0 == "/" || $0 == "." } ?? false
    if isPlain && beginsLikeText && plain.meaning == .text { return text }
    return text.reduce(into: "\"") { result, character in
      if character == "\"" || character == "\\" { result.append("\\") }
      result.append(character)
    } + "\""
  }
}

extension Node {
  /// The scalar, `nil` for a list or a mapping.
  var scalarText: ScalarText? {
    scalar.map { ScalarText(text: $0.string, isQuoted: $0.style != .plain) }
  }

  /// The node as an error message names it.
  var shown: String {
    guard let scalarText else { return mapping == nil ? "a list" : "a mapping" }
    if scalarText.isQuoted { return "the text \"\(scalarText.text.shown)\"" }
    return scalarText.meaning == .null ? "null" : scalarText.text.shown
  }
}
