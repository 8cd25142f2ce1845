/// Reads a caption word by word. Words are separated by exactly one space, so that each prompt has
/// one spelling only.
struct CaptionReader {
  private let caption: String
  private let words: [Substring]
  private var position = 0

  init(caption: String) {
    self.caption = caption
    words = caption.isEmpty ? [] : caption.split(separator: " ", omittingEmptySubsequences: false)
  }

  /// Reads exactly `word`.
  mutating func expect(_ word: String) throws {
    guard skip(word) else { throw unexpected([word]) }
  }

  /// Reads `word` if it comes next and says whether it did.
  mutating func skip(_ word: String) -> Bool {
    guard position < words.count, words[position] == word else { return false }
    position += 1
    return true
  }

  /// Reads one of an attribute's one-word values; `alternatives` only appear in the error.
  mutating func one<Value>(
    of type: Value.Type, or alternatives: [String] = []
  ) throws -> Value where Value: CaseIterable & RawRepresentable, Value.RawValue == String {
    guard position < words.count, let value = Value(rawValue: String(words[position])) else {
      throw unexpected(alternatives + Value.allCases.map(\.rawValue))
    }
    position += 1
    return value
  }

  /// Reads size, colour and shape; `alternatives` to the size only appear in the error.
  mutating func object(
    after alternatives: [String] = [], differingFrom other: Scene.Color? = nil
  ) throws -> Scene.Object {
    let size = try one(of: Scene.Size.self, or: alternatives)
    let color = try one(of: Scene.Color.self)
    guard color != other else {
      throw SceneError.repeatedColor(caption: caption, position: position, word: color.rawValue)
    }
    return Scene.Object(size: size, color: color, shape: try one(of: Scene.Shape.self))
  }

  /// Reads a relation of one or two words; the `preposition` only appears in the error.
  mutating func relation(or preposition: String) throws -> Scene.Relation {
    let candidates = Scene.Relation.allCases.map { ($0, $0.rawValue.split(separator: " ")) }
    guard
      position < words.count,
      let (relation, spelling) = candidates.first(where: { $0.1[0] == words[position] })
    else {
      throw unexpected([preposition] + candidates.map { String($0.1[0]) })
    }
    for word in spelling {
      try expect(String(word))
    }
    return relation
  }

  /// Reads the end.
  func end() throws {
    guard position == words.count else { throw unexpected(["its end"]) }
  }

  private func unexpected(_ expected: [String]) -> SceneError {
    .unexpectedWord(
      caption: caption, position: position + 1,
      word: position < words.count ? String(words[position]) : nil, expected: expected)
  }
}
