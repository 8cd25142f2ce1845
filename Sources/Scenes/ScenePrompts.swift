/// All prompts of the embedded world, numbered.
///
/// A prompt's index is twice its scene's index plus its template's. Scenes of one object come
/// first. A scene's index is a number in mixed radix, of which the attributes are the digits: size,
/// colour and shape of the first object, the same of the second and the relation where there are
/// two, and the background. The second colour is counted from the first one on, which leaves it
/// nine values.
public enum ScenePrompts {
  /// The number of prompts: 1,442,000.
  public static let count = (oneObjectBases.product + twoObjectBases.product) * templates.count
  /// The number of prompts with one object; they are those with the lowest indices.
  public static let oneObjectCount = oneObjectBases.product * templates.count

  private static let sizes = Scene.Size.allCases
  private static let colors = Scene.Color.allCases
  private static let shapes = Scene.Shape.allCases
  private static let relations = Scene.Relation.allCases
  private static let backgrounds = Scene.Background.allCases
  private static let templates = ScenePrompt.Template.allCases

  private static let oneObjectBases = [sizes.count, colors.count, shapes.count, backgrounds.count]
  private static let twoObjectBases = [
    sizes.count, colors.count, shapes.count,
    sizes.count, colors.count - 1, shapes.count, relations.count, backgrounds.count,
  ]

  /// The prompt at `index` in 0..<`count`.
  public static func prompt(at index: Int) -> ScenePrompt {
    precondition((0..<count).contains(index), "prompt \(index) is not below \(count)")
    return ScenePrompt(
      scene: scene(at: index / templates.count), template: templates[index % templates.count])
  }

  /// The index of `scene` among the scenes.
  static func sceneIndex(of scene: Scene) -> Int {
    let first = [
      sizes.position(of: scene.object.size), colors.position(of: scene.object.color),
      shapes.position(of: scene.object.shape),
    ]
    let background = backgrounds.position(of: scene.background)
    guard let neighbour = scene.neighbour else {
      return number(digits: first + [background], bases: oneObjectBases)
    }
    let colorSteps = colors.position(of: neighbour.object.color) - first[1] + colors.count
    let second = [
      sizes.position(of: neighbour.object.size), colorSteps % colors.count - 1,
      shapes.position(of: neighbour.object.shape), relations.position(of: neighbour.relation),
    ]
    return oneObjectBases.product
      + number(digits: first + second + [background], bases: twoObjectBases)
  }

  private static func scene(at index: Int) -> Scene {
    let hasNeighbour = index >= oneObjectBases.product
    let digits =
      hasNeighbour
      ? digits(of: index - oneObjectBases.product, bases: twoObjectBases)
      : digits(of: index, bases: oneObjectBases)
    let object = Scene.Object(
      size: sizes[digits[0]], color: colors[digits[1]], shape: shapes[digits[2]])
    let background = backgrounds[digits[digits.count - 1]]
    guard hasNeighbour else { return Scene(object: object, background: background) }
    let other = Scene.Object(
      size: sizes[digits[3]], color: colors[(digits[1] + digits[4] + 1) % colors.count],
      shape: shapes[digits[5]])
    return Scene(
      object: object, neighbour: Scene.Neighbour(relations[digits[6]], other),
      background: background)
  }

  private static func number(digits: [Int], bases: [Int]) -> Int {
    zip(digits, bases).reduce(0) { $0 * $1.1 + $1.0 }
  }

  private static func digits(of number: Int, bases: [Int]) -> [Int] {
    var rest = number
    var digits = bases
    for place in bases.indices.reversed() {
      digits[place] = rest % bases[place]
      rest /= bases[place]
    }
    return digits
  }
}

extension [Int] {
  fileprivate var product: Int { reduce(1, *) }
}

extension Array where Element: Equatable {
  /// The place of a value in the list of all its kind.
  fileprivate func position(of value: Element) -> Int {
    guard let position = firstIndex(of: value) else {
      preconditionFailure("\(value) is not among all cases")
    }
    return position
  }
}
