/// Refuses, before the YAML parser sees it, what a configuration never needs and what could harm.
///
/// Refused: anchors, aliases, tags, merge keys, directives; nesting beyond `nestingLimit`, for the
/// parser recurses without a limit; and texts over several lines, quoted, plain or in block form.
/// Without the latter one pass over the characters knows where each token starts, exactly.
struct YAMLScreen {
  /// What was refused, and the line it stands on, from 1.
  struct Refusal: Error {
    let line: Int
    let message: String
  }

  /// Levels of brackets; the deepest value of the schema needs two.
  static let nestingLimit = 16
  /// Columns of indentation: each block level takes at least one.
  static let indentationLimit = 64
  static let tabMessage = "a tab stands in the indentation: indent with spaces"

  private let text: [Unicode.Scalar]
  private var position = 0
  private var line = 1
  private var lineStart = 0
  private var bracketDepth = 0
  /// Only indentation and the indicators `-` and `?` have been seen on this line.
  private var isAtLineHead = true
  private var lastTokenWasPlainText = false
  /// The column of the key on this line.
  private var keyColumn = 0
  /// The column that a line must pass to go on with the text of the line before.
  private var parentColumn = -1

  /// Checks a whole text whose lines end in LF.
  ///
  /// - Throws: ``Refusal`` for the first thing refused.
  static func check(_ text: String) throws(Refusal) {
    var screen = YAMLScreen(text: Array(text.unicodeScalars))
    try screen.scan()
  }

  private init(text: [Unicode.Scalar]) {
    self.text = text
  }

  private mutating func scan() throws(Refusal) {
    while position < text.count {
      switch text[position] {
      case "\n":
        position += 1
        (line, lineStart, isAtLineHead) = (line + 1, position, true)
      case " ", "\t":
        position += 1
      case "#":
        position = text[position...].firstIndex(of: "\n") ?? text.count
      default:
        try scanToken()
      }
    }
  }

  private mutating func scanToken() throws(Refusal) {
    let column = position - lineStart
    try checkStart(at: column)
    let wasAtLineHead = isAtLineHead
    (isAtLineHead, lastTokenWasPlainText) = (false, false)

    switch text[position] {
    case "&": throw refusal("anchors (&) are not accepted: repeat the value, or quote the text")
    case "*": throw refusal("aliases (*) are not accepted: repeat the value, or quote the text")
    case "!": throw refusal("tags (!) are not accepted: leave the tag out, or quote the text")
    case "|", ">": throw refusal("texts in block form are not accepted: quote it, on one line")
    case "%" where column == 0: throw refusal("directives (%) are not accepted: leave it out")
    case "-" where column == 0 && isMarker("---"), "." where column == 0 && isMarker("..."):
      position += 3
      (isAtLineHead, parentColumn) = (true, -1)
    case "-" where isFollowedByBlank, "?" where isFollowedByBlank || bracketDepth > 0:
      position += 1
      (isAtLineHead, parentColumn) = (wasAtLineHead, column)
    case ":" where isFollowedByBlank || bracketDepth > 0:
      position += 1
      parentColumn = wasAtLineHead ? column : keyColumn
    case "[", "{":
      markKey(at: column, wasAtLineHead)
      position += 1
      bracketDepth += 1
      guard bracketDepth <= Self.nestingLimit else { throw nestingRefusal }
    case "]", "}":
      position += 1
      bracketDepth = max(0, bracketDepth - 1)
    case ",":
      position += 1
    case "\"", "'":
      markKey(at: column, wasAtLineHead)
      try skipQuotedText()
    default:
      markKey(at: column, wasAtLineHead)
      try skipPlainText()
      lastTokenWasPlainText = true
    }
  }

  /// Refuses a token that a tab indents, that goes on with the text of the line before, or that
  /// stands too deep.
  private func checkStart(at column: Int) throws(Refusal) {
    guard isAtLineHead else { return }
    if bracketDepth == 0 && text[lineStart..<position].contains("\t") {
      throw refusal(Self.tabMessage)
    }
    let continues =
      bracketDepth > 0 ? !",]}".unicodeScalars.contains(text[position]) : column > parentColumn
    if lastTokenWasPlainText && continues {
      throw refusal("a text may not go on over several lines: quote it, on one line")
    }
    if bracketDepth == 0 && column > Self.indentationLimit { throw nestingRefusal }
  }

  private mutating func markKey(at column: Int, _ wasAtLineHead: Bool) {
    if wasAtLineHead { keyColumn = column }
  }

  private var isFollowedByBlank: Bool { isBlank(at: position + 1) }

  /// Whether the marker of a document's start or end stands here.
  private func isMarker(_ marker: String) -> Bool {
    text[position...].starts(with: marker.unicodeScalars) && isBlank(at: position + 3)
  }

  /// Whether a blank or the end of a line or of the text stands there.
  private func isBlank(at index: Int) -> Bool {
    index >= text.count || " \t\n".unicodeScalars.contains(text[index])
  }

  private mutating func skipPlainText() throws(Refusal) {
    let start = position
    repeat {
      position += 1
    } while position < text.count && !isEndOfPlainText
    if text[start..<position].elementsEqual("<<".unicodeScalars) {
      throw refusal("merge keys (<<) are not accepted: write the keys out")
    }
  }

  private var isEndOfPlainText: Bool {
    switch text[position] {
    case "\n": true
    case ":": isFollowedByBlank
    case "#": isBlank(at: position - 1)
    case ",", "[", "]", "{", "}": bracketDepth > 0
    default: false
    }
  }

  private mutating func skipQuotedText() throws(Refusal) {
    let quote = text[position]
    position += 1
    while position < text.count, text[position] != "\n" {
      // In single quotes two of them stand for one: they read as two texts side by side here.
      if text[position] == quote {
        position += 1
        return
      }
      let escapes = quote == "\"" && text[position] == "\\" && !isBlank(at: position + 1)
      position += escapes ? 2 : 1
    }
    throw refusal("a quoted text must end on its line: the closing \(quote) is missing")
  }

  private func refusal(_ message: String) -> Refusal {
    Refusal(line: line, message: message)
  }

  private var nestingRefusal: Refusal {
    refusal(
      "lists and mappings may be nested \(Self.nestingLimit) levels and indented "
        + "\(Self.indentationLimit) columns deep, these are deeper")
  }
}
