/// A scene and the way it is put in words.
public struct ScenePrompt: Sendable, Hashable {
  /// A way to put a scene in words.
  public enum Template: Sendable, CaseIterable {
    /// "a small red circle above a large blue star on a white background"
    case plain
    /// "a picture of a small red circle above a large blue star against a white background"
    case picture

    var opening: String {
      switch self {
      case .plain: ""
      case .picture: "a picture of "
      }
    }

    var preposition: String {
      switch self {
      case .plain: "on"
      case .picture: "against"
      }
    }
  }

  /// What is to be shown.
  public let scene: Scene
  /// How it is said.
  public let template: Template

  /// A scene and the way it is put in words.
  public init(scene: Scene, template: Template) {
    self.scene = scene
    self.template = template
  }

  /// The caption.
  public var text: String {
    let neighbour = scene.neighbour.map { " \($0.relation.rawValue) a \($0.object.words)" } ?? ""
    return "\(template.opening)a \(scene.object.words)\(neighbour) \(template.preposition) "
      + "a \(scene.background.rawValue) background"
  }

  /// Reads `text`, word for word as the `text` of a prompt has it.
  ///
  /// - Throws: `SceneError` that names the first word that does not fit.
  public init(text: String) throws {
    var words = CaptionReader(caption: text)
    try words.expect("a")
    let template: Template = words.skip("picture") ? .picture : .plain
    if template == .picture {
      try words.expect("of")
      try words.expect("a")
    }
    let object = try words.object(after: template == .plain ? ["picture"] : [])

    var neighbour: Scene.Neighbour?
    if !words.skip(template.preposition) {
      let relation = try words.relation(or: template.preposition)
      try words.expect("a")
      neighbour = Scene.Neighbour(relation, try words.object(differingFrom: object.color))
      try words.expect(template.preposition)
    }
    try words.expect("a")
    let background = try words.one(of: Scene.Background.self)
    try words.expect("background")
    try words.end()

    self.init(
      scene: Scene(object: object, neighbour: neighbour, background: background),
      template: template)
  }
}

extension Scene {
  /// The scene that `caption` describes, in either template.
  ///
  /// - Throws: `SceneError` that names the first word that does not fit.
  public init(caption: String) throws {
    self = try ScenePrompt(text: caption).scene
  }
}

extension Scene.Object {
  fileprivate var words: String {
    "\(size.rawValue) \(color.rawValue) \(shape.rawValue)"
  }
}
