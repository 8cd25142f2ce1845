extension ScenePrompts {
  /// Every word that a prompt can have, sorted: the vocabulary of a text encoder for them.
  public static let words: [String] = {
    let texts =
      ScenePrompt.Template.allCases.flatMap { [$0.opening, $0.preposition] }
      + Scene.Size.allCases.map(\.rawValue) + Scene.Color.allCases.map(\.rawValue)
      + Scene.Shape.allCases.map(\.rawValue) + Scene.Relation.allCases.map(\.rawValue)
      + Scene.Background.allCases.map(\.rawValue) + ["background"]
    return Set(texts.flatMap { $0.split(separator: " ").map(String.init) }).sorted()
  }()
}
