import Foundation
import Testing
import Yams

@testable import ClusterConfiguration

@Suite struct YAMLTextTests {
  static let refused = [
    BadInput(
      "an anchor", "run: &a {seed: 1}",
      gives: "cluster.yaml:1: anchors (&) are not accepted: repeat the value, or quote the text"),
    BadInput(
      "an alias", "run:\n  seed: *a",
      gives: "cluster.yaml:2: aliases (*) are not accepted: repeat the value, or quote the text"),
    BadInput(
      "a tag", "run: {seed: !!int 1}",
      gives: "cluster.yaml:1: tags (!) are not accepted: leave the tag out, or quote the text"),
    BadInput(
      "a merge key", "run: {<<: {seed: 1}}",
      gives: "cluster.yaml:1: merge keys (<<) are not accepted: write the keys out"),
    BadInput(
      "a directive", "%YAML 1.1\n---\nrun: {}",
      gives: "cluster.yaml:1: directives (%) are not accepted: leave it out"),
    BadInput(
      "a second document", "run: {}\n---\nrun: {}",
      gives: "cluster.yaml:2: a second document starts here: keep one in the file"),
    BadInput(
      "a text in block form", "run:\n  output: |\n    a",
      gives: "cluster.yaml:2: texts in block form are not accepted: quote it, on one line"),
    BadInput(
      "a quoted text over two lines", "run:\n  output: \"a\n    b\"",
      gives: "cluster.yaml:2: a quoted text must end on its line: the closing \" is missing"),
    BadInput(
      "a quoted text that escapes its line's end", "run:\n  output: \"a\\\n    b\"",
      gives: "cluster.yaml:2: a quoted text must end on its line: the closing \" is missing"),
    BadInput(
      "a plain text over two lines", "run:\n  output: a\n    b",
      gives: "cluster.yaml:3: a text may not go on over several lines: quote it, on one line"),
    BadInput(
      "a plain text over two lines in brackets", "rewards: [a\n  'b, &x c']",
      gives: "cluster.yaml:2: a text may not go on over several lines: quote it, on one line"),
    BadInput(
      "an anchor behind a quoted hash", "\"a #b\": &x 1",
      gives: "cluster.yaml:1: anchors (&) are not accepted: repeat the value, or quote the text"),
    BadInput(
      "an anchor behind a quoted quote", "'it''s': &x 1",
      gives: "cluster.yaml:1: anchors (&) are not accepted: repeat the value, or quote the text"),
    BadInput(
      "an anchor without a blank before it", "run: {\"seed\":&x 1}",
      gives: "cluster.yaml:1: anchors (&) are not accepted: repeat the value, or quote the text"),
    BadInput(
      "an anchor behind the document's start", "--- &x\nrun: {}",
      gives: "cluster.yaml:1: anchors (&) are not accepted: repeat the value, or quote the text"),
    BadInput(
      "NUL", "run:\n  output: a\0b",
      gives: "cluster.yaml:2: the control character U+0000 is not accepted: take it out"),
    BadInput(
      "a line separator that ends a comment", "# a\u{2028}run: &x 1",
      gives: "cluster.yaml:1: the control character U+2028 is not accepted: take it out"),
    BadInput(
      "a carriage return alone", "run: {}\rmethod: {}",
      gives: "cluster.yaml:1: the control character U+000D is not accepted: take it out"),
    BadInput(
      "a carriage return at the end", "run: {}\r",
      gives: "cluster.yaml:1: the control character U+000D is not accepted: take it out"),
    BadInput(
      "a tab for indentation", "run:\n\tseed: 1",
      gives: "cluster.yaml:2: a tab stands in the indentation: indent with spaces"),
    BadInput(
      "a tab for indentation below a value", "run:\n  seed: 1\n\t\tepochs: 2",
      gives: "cluster.yaml:3: a tab stands in the indentation: indent with spaces"),
    BadInput(
      "a tab behind spaces", "run:\n  seed: 1\n  \tepochs: 2",
      gives: "cluster.yaml:3: a tab stands in the indentation: indent with spaces"),
    BadInput(
      "a tab before a comment", "run:\n\t# all\n  seed: 1",
      gives: "cluster.yaml:2: a tab stands in the indentation: indent with spaces"),
    BadInput(
      "two colons", "run:\n  output: a: b",
      gives: "cluster.yaml:2: not valid YAML: mapping values are not allowed in this context"),
  ]

  @Test(arguments: refused)
  func isRefusedWithThisText(_ input: BadInput) {
    #expect(errorText(input.yaml, input.overrides) == input.expected)
  }

  static let accepted: [(String, String)] = [
    ("a byte order mark", "\u{FEFF}run: {output: a b}"),
    ("CRLF", "run:\r\n  output: a b\r\n"),
    ("the start of a document", "---\nrun:\n  output: a b"),
    ("its end", "run:\n  output: a b\n...\n"),
    ("comments anywhere", "# *a\nrun: # &b\n  output: a b # !c\n# |"),
    ("brackets over several lines", "run: {\n  seed: 1, # one\n  output: a b\n}"),
    ("tabs elsewhere", "run:\t# one\n  output:\ta b\t# two\n  seed:\t1\nmethod: {\n\tbeta: 1}"),
    ("a key in quotes", "'run':\n  \"output\": 'a b'"),
    (
      "entries at their key's column",
      "rewards:\n- name: scene-correct\n  weight: 1\nrun:\n  output: a b"
    ),
  ]

  @Test(arguments: accepted)
  func isAccepted(_ description: String, _ yaml: String) throws {
    #expect(try RunConfiguration(yaml: yaml, source: "").run.output == "a b", "\(description)")
  }

  static let literalPaths = [
    "R&D/*/!x", "it's", "say \"a\"", "a #b", "a\\b", "$(touch canary)", "a: b", "[x]", "- a", "no",
    "~", "12", "<<", "ünï/çødé 🎨", "'", "-", "%a", "a,b", "1e5", "null", ".inf", "2024-01-01",
    "| a", "---", "?", "@", "`", "{{x}}",
  ]

  @Test(arguments: literalPaths)
  func aQuotedPathIsKeptLiterallyAndWrittenBackEqual(_ path: String) throws {
    let quoted = "'" + path.replacing("'", with: "''") + "'"
    let configuration = try RunConfiguration(yaml: "run: {output: \(quoted)}", source: "")
    #expect(configuration.run.output == path)
    #expect(try RunConfiguration(yaml: configuration.yaml(), source: "") == configuration)
  }

  /// Ways to nest, each ten thousand levels deep or as deep as the size limit lets it.
  enum Nesting: String, CaseIterable {
    case listsInBrackets, mappingsInBrackets, listsOnOneLine, keysOnOneLine, indentedMappings

    var yaml: String {
      switch self {
      case .listsInBrackets: String(repeating: "[", count: 10_000)
      case .mappingsInBrackets: String(repeating: "{a: ", count: 10_000)
      case .listsOnOneLine: String(repeating: "- ", count: 10_000)
      case .keysOnOneLine: String(repeating: "? ", count: 10_000)
      case .indentedMappings:
        (0..<1_000).map { String(repeating: " ", count: $0) + "a:\n" }.joined()
      }
    }
  }

  @Test(arguments: Nesting.allCases)
  func deepNestingIsAnErrorNotACrash(_ nesting: Nesting) {
    #expect(
      errorText(nesting.yaml).hasSuffix(
        "lists and mappings may be nested 16 levels and indented 64 columns deep, these are deeper"
      ))
  }

  @Test func anAliasBombIsRefusedAtItsFirstAnchor() {
    var yaml = "a0: &a0 [x, x]\n"
    for level in 1...60 { yaml += "a\(level): &a\(level) [*a\(level - 1), *a\(level - 1)]\n" }
    #expect(errorText(yaml).hasPrefix("cluster.yaml:1: anchors (&) are not accepted"))
  }

  @Test func aTextBeyondTheSizeLimitIsRefused() {
    let yaml = "run: {}\n" + String(repeating: "#", count: YAMLText.sizeLimit)
    #expect(
      errorText(yaml)
        == "cluster.yaml: larger than 1000000 bytes: a configuration is a small text file")
  }

  /// A generator whose sequence is the same on every machine.
  struct Draws {
    var state: UInt64 = 1

    mutating func next(below bound: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % bound
    }
  }

  @Test func whatTheScreenPassesHasNoAliasForTheParser() {
    let pieces = [
      "a", "b: ", "*a", "'", "''", "\"", "[", "]", "{", "}", ",", ":", ": ", "- ", "-", "\n", "\n",
      "\n  ", "\n    ", " #", "#", "?", "? ", " ", "\\", "---", "...", "c", "\n- ", "\na: ", "<",
    ]
    var draws = Draws()
    var passedCount = 0
    for _ in 0..<20_000 {
      let text = (0...draws.next(below: 14)).map { _ in pieces[draws.next(below: pieces.count)] }
        .joined()
      guard (try? YAMLScreen.check(text)) != nil else { continue }
      passedCount += 1
      do {
        _ = try Parser(yaml: text, resolver: .basic, encoding: .utf8).singleRoot()
      } catch YamlError.composer(_, let problem, _, _) {
        #expect(problem == "but found another document", "\(text.debugDescription)")
      } catch YamlError.scanner(let context, _, _, _) {
        let text = text.debugDescription
        #expect(context?.text != "while scanning an alias", "\(text)")
        #expect(context?.text != "while scanning a quoted scalar", "\(text)")
      } catch {
        continue
      }
    }
    #expect(passedCount > 1_000)
  }

  @Test func damagedTextsGiveAnErrorOrAConfigurationAndNothingElse() throws {
    let original = Array(RunConfiguration().yaml().unicodeScalars)
    let insertions = Array("&*!|>%@`'\"[]{},:-?#\\ \t\n\r~<\u{2028}\0é0".unicodeScalars)
    var draws = Draws()
    func draw(_ bound: Int) -> Int { draws.next(below: bound) }
    var acceptedCount = 0
    for _ in 0..<1_000 {
      var scalars = original
      for _ in 0...draw(3) {
        let place = draw(scalars.count)
        switch draw(3) {
        case 0: scalars[place] = insertions[draw(insertions.count)]
        case 1: scalars.insert(insertions[draw(insertions.count)], at: place)
        default: scalars.removeSubrange(place..<min(scalars.count, place + 1 + draw(20)))
        }
      }
      let text = String(String.UnicodeScalarView(scalars))
      if let configuration = try? RunConfiguration(yaml: text, source: "") {
        acceptedCount += 1
        #expect(try RunConfiguration(yaml: configuration.yaml(), source: "") == configuration)
      }
    }
    #expect((1..<1_000).contains(acceptedCount))
  }
}
