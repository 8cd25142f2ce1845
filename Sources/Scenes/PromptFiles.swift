import Foundation

/// The lists of prompts that runs train on and are measured with, one prompt a line.
///
/// Scenes of one object are so few that the training list has all of them and is otherwise an even
/// sample; the others have as many of them each as there are held-out ones, so that they compare.
public struct PromptFiles: Sendable {
  /// Training prompts, all different: `train.txt`.
  public let train: [String]
  /// A sample of `train`: `seen.txt`.
  public let seen: [String]
  /// Prompts of scenes that are held out: `unseen.txt`.
  public let unseen: [String]
  /// Prompts with a colour and a shape that are never trained together: `unseen-pairs.txt`.
  public let unseenPairs: [String]

  static let trainCount = 120_000
  static let evaluationCount = 512
  static let evaluationOneObjectCount = 24

  /// The lists, always the same.
  public init() {
    var generator = KeyedGenerator(key: 0x9307_0F11)
    let oneObject = (0..<ScenePrompts.oneObjectCount).filter { Self.split(of: $0) == .training }
    let twoObjects = Self.draw(
      Self.trainCount - oneObject.count, from: .training,
      within: ScenePrompts.oneObjectCount..<ScenePrompts.count, using: &generator)

    let evaluationTwoObjectCount = Self.evaluationCount - Self.evaluationOneObjectCount
    let seen =
      Self.choose(Self.evaluationOneObjectCount, of: oneObject, using: &generator)
      + Self.choose(evaluationTwoObjectCount, of: twoObjects, using: &generator)
    func heldOut(_ split: Split) -> [Int] {
      Self.draw(
        Self.evaluationOneObjectCount, from: split, within: 0..<ScenePrompts.oneObjectCount,
        using: &generator)
        + Self.draw(
          evaluationTwoObjectCount, from: split,
          within: ScenePrompts.oneObjectCount..<ScenePrompts.count, using: &generator)
    }
    let unseen = heldOut(.heldOut)
    let unseenPairs = heldOut(.heldOutPairs)

    // Mixed, so that the head of a list is a fair sample of it.
    func texts(_ indices: [Int]) -> [String] {
      Self.choose(indices.count, of: indices, using: &generator)
        .map { ScenePrompts.prompt(at: $0).text }
    }
    train = texts(oneObject + twoObjects)
    self.seen = texts(seen)
    self.unseen = texts(unseen)
    self.unseenPairs = texts(unseenPairs)
  }

  /// The lists under their file names.
  public var files: [(name: String, prompts: [String])] {
    [
      ("train.txt", train), ("seen.txt", seen), ("unseen.txt", unseen),
      ("unseen-pairs.txt", unseenPairs),
    ]
  }

  /// Writes the files into `folder`, which is made where it is missing.
  ///
  /// - Throws: `SceneError.unwritable`.
  public func write(to folder: URL) throws {
    do {
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      for (name, prompts) in files {
        try Data(Self.contents(of: prompts).utf8)
          .write(to: folder.appending(path: name), options: .atomic)
      }
    } catch {
      throw SceneError.unwritable(path: folder.path, reason: error.localizedDescription)
    }
  }

  /// A file's text: one prompt a line, the last line ended too.
  static func contents(of prompts: [String]) -> String {
    prompts.joined(separator: "\n") + "\n"
  }

  private static func split(of index: Int) -> Split {
    Split(of: ScenePrompts.prompt(at: index).scene)
  }

  /// `count` different indices of `range` whose prompts belong to `split`, each as likely as any
  /// other.
  private static func draw(
    _ count: Int, from split: Split, within range: Range<Int>,
    using generator: inout KeyedGenerator
  ) -> [Int] {
    var drawn: [Int] = []
    var seen: Set<Int> = []
    while drawn.count < count {
      let index = range.lowerBound + generator.below(range.count)
      if seen.insert(index).inserted, Self.split(of: index) == split {
        drawn.append(index)
      }
      precondition(
        seen.count < range.count || drawn.count == count, "too few prompts to draw \(count) of")
    }
    return drawn
  }

  /// `count` different ones of `values` in random order (a Fisher-Yates shuffle that ends early).
  private static func choose(
    _ count: Int, of values: [Int], using generator: inout KeyedGenerator
  ) -> [Int] {
    var values = values
    for place in 0..<count {
      values.swapAt(place, place + generator.below(values.count - place))
    }
    return Array(values.prefix(count))
  }
}
