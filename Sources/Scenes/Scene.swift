/// What a picture of the embedded world shows: one object, or two objects and how they lie to each
/// other, on a plain background.
public struct Scene: Sendable, Hashable {
  /// A coloured shape of a certain size.
  public struct Object: Sendable, Hashable {
    /// Its size.
    public let size: Size
    /// Its colour.
    public let color: Color
    /// Its outline.
    public let shape: Shape

    /// A coloured shape of a certain size.
    public init(size: Size, color: Color, shape: Shape) {
      self.size = size
      self.color = color
      self.shape = shape
    }
  }

  /// The object that the first one is placed by.
  public struct Neighbour: Sendable, Hashable {
    /// Where the scene's first object lies, seen from this one.
    public let relation: Relation
    /// The second object.
    public let object: Object

    /// The object that the first one is placed by.
    public init(_ relation: Relation, _ object: Object) {
      self.relation = relation
      self.object = object
    }
  }

  /// The object that the caption names first.
  public let object: Object
  /// The second object, where there is one. Its colour is another than the first's, so that the
  /// colour alone tells which object is which.
  public let neighbour: Neighbour?
  /// What lies behind the objects.
  public let background: Background

  /// A scene; `neighbour` must have another colour than `object`.
  public init(object: Object, neighbour: Neighbour? = nil, background: Background) {
    precondition(neighbour?.object.color != object.color, "the objects of a scene differ in colour")
    self.object = object
    self.neighbour = neighbour
    self.background = background
  }

  /// The one or two objects, in the caption's order.
  public var objects: [Object] {
    [object] + (neighbour.map { [$0.object] } ?? [])
  }

  /// The scene that the same pictures show and whose caption names the other object first; nil for
  /// one object.
  public var mirrored: Scene? {
    neighbour.map {
      Scene(
        object: $0.object, neighbour: Neighbour($0.relation.opposite, object),
        background: background)
    }
  }
}
