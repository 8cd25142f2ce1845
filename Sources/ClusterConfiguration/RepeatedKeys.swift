import Yams

/// A key that stands in a mapping which has it already.
struct RepeatedKey: Equatable {
  /// The names from the top, and places in lists: `run.seed`, `rewards[0].name`.
  let path: String
  let line: Int
  /// The line of the key's first occurrence.
  let firstLine: Int
}

/// Reads a text of which the parser has said that a mapping has a key more than once.
///
/// The parser gives such a text up, and tells the place of one first occurrence alone. Here each of
/// these gets a mark, until all keys differ and the parser reads the text; then marks come off.
struct RepeatedKeys {
  /// The document with every occurrence of its keys; the lookup of a key finds the first.
  let root: Node
  /// Every occurrence but the first, in the order of the text.
  let found: [RepeatedKey]

  /// A character that has no place in a configuration: no key has it by itself.
  private static let mark: Unicode.Scalar = "\u{FEFF}"
  /// The text is read again for each repeated key: as often as problems are kept, a large one less.
  private static func attemptLimit(_ text: String) -> Int {
    min(ProblemReport.limit, max(1, 2 * YAMLText.sizeLimit / max(1, text.utf8.count)))
  }

  /// The document of `text`.
  ///
  /// - Parameters:
  ///   - first: Where a repeated key first stands.
  ///   - path: The path of the document, empty for a file.
  /// - Returns: `nil` where the text cannot be read by this means.
  static func read(_ text: String, first: Mark, path: String) -> RepeatedKeys? {
    var scalars = Array(text.unicodeScalars)
    var place = first
    for attempt in 1...attemptLimit(text) {
      guard var index = scalars.index(of: place) else { return nil }
      if scalars[index] == "\"" || scalars[index] == "'" { index += 1 }
      scalars.insert(contentsOf: "\(attempt)\(mark)".unicodeScalars, at: index)
      do {
        let marked = String(String.UnicodeScalarView(scalars))
        guard let root = try YAMLText.parse(marked) else { return nil }
        var found: [RepeatedKey] = []
        let unmarkedRoot = unmarked(root, at: path, noting: &found)
        return RepeatedKeys(root: unmarkedRoot, found: found)
      } catch YamlError.duplicatedKeysInMapping(_, let context) {
        place = context.mark
      } catch {
        return nil
      }
    }
    return nil
  }

  /// `node` without marks; keys that then stand in a mapping a second time are noted.
  private static func unmarked(
    _ node: Node, at path: String, noting found: inout [RepeatedKey]
  ) -> Node {
    switch node {
    case .mapping(let mapping):
      var firstLines: [String: Int] = [:]
      let pairs = mapping.map { key, value -> (Node, Node) in
        let key = unmarked(key, at: path, noting: &found)
        let name = key.scalar?.string ?? key.shown
        let path = path.isEmpty ? name : "\(path).\(name)"
        let line = key.mark?.line ?? 0
        if key.scalar != nil {
          if let firstLine = firstLines[name] {
            found.append(RepeatedKey(path: path, line: line, firstLine: firstLine))
          } else {
            firstLines[name] = line
          }
        }
        return (key, unmarked(value, at: path, noting: &found))
      }
      return .mapping(.init(pairs, mapping.tag, mapping.style, mapping.mark))
    case .sequence(let sequence):
      let items = sequence.enumerated().map { index, item in
        unmarked(item, at: "\(path)[\(index)]", noting: &found)
      }
      return .sequence(.init(items, sequence.tag, sequence.style, sequence.mark))
    case .scalar(let scalar):
      let text = scalar.string.unicodeScalars
      guard let end = text.lastIndex(of: mark) else { return node }
      return .scalar(
        .init(String(text[text.index(after: end)...]), scalar.tag, scalar.style, scalar.mark))
    case .alias:
      return node
    }
  }
}

extension [Unicode.Scalar] {
  /// The index of the character at `mark`, whose line and column count from 1.
  func index(of mark: Mark) -> Int? {
    guard mark.line > 0, mark.column > 0 else { return nil }
    var lineStart = 0
    for _ in 1..<mark.line {
      guard let lineEnd = self[lineStart...].firstIndex(of: "\n") else { return nil }
      lineStart = lineEnd + 1
    }
    let index = lineStart + mark.column - 1
    return index < count ? index : nil
  }
}
