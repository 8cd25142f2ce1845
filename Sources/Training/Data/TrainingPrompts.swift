import CLIP
import ClusterConfiguration
import Foundation
import MPI
import Rewards
import StableDiffusion

/// The prompts that a run trains on, of which any number lies in files and one in memory.
final class TrainingPrompts {
  private let index: PromptIndex
  private let order: PromptOrder
  private let files: [IndexedPromptFile]
  /// How many prompts are before those of each file.
  private let starts: [Int]
  /// What there is to say of them, each a sentence.
  let notes: [String]
  /// What is wrong with them, though not so that a run could not be made.
  let warnings: [String]

  /// Prompts of an index, in the order of `weights` and `seed`.
  ///
  /// - Throws: ``TrainingError`` where a file has changed since it was indexed.
  init(_ index: PromptIndex, weights: [Int], seed: UInt64, remarks: [String] = []) throws {
    self.index = index
    let files = index.header.files
    order = PromptOrder(counts: files.map(\.promptCount), weights: weights, seed: seed)
    self.files = try files.map(IndexedPromptFile.init)
    starts = files.indices.map { files[..<$0].reduce(0) { $0 + $1.promptCount } }
    let duplicateCount = index.header.duplicateCount
    notes =
      remarks
      + (duplicateCount == 0
        ? [] : ["duplicates among the training prompts, left out: \(duplicateCount)"])
    warnings = files.compactMap { file in
      guard let count = file.longCount, count > 0, let line = file.firstLongLine else { return nil }
      return "prompts with more tokens than the text encoder reads, whose ends have no effect: "
        + "\(count), the first at \(file.path):\(line)"
    }
  }

  /// The number of different prompts.
  var count: Int { index.header.promptCount }

  /// Tells the prompts and their number from others: of a single file without duplicates its
  /// SHA-256.
  var sha256: String {
    let files = index.header.files
    guard files.count > 1 || files[0].duplicateCount > 0 else { return files[0].sha256 }
    let parts = files.map { "\($0.sha256) \($0.promptCount)" }
    return Training.sha256(of: Data(parts.joined(separator: "\n").utf8))
  }

  /// Which of all prompts comes at a position of the run, in 0..<``count``.
  func index(at position: Int) -> Int {
    let (file, place) = order.place(at: position)
    return starts[file] + place
  }

  /// The prompt at a position of the run.
  ///
  /// - Throws: ``TrainingError`` where its file is not what it was.
  func prompt(at position: Int) throws -> Prompt {
    let (file, place) = order.place(at: position)
    return try files[file].prompt(at: index.entry(at: starts[file] + place))
  }

  /// What to say of an evaluation set, some or all of whose prompts are trained on; `nil` where none
  /// is.
  ///
  /// - Returns: A warning unless all are: then the set is most likely meant to be seen.
  func overlap(with set: String, _ file: PromptFile) throws -> (text: String, isWarning: Bool)? {
    let places = try file.entries.indices.filter {
      try index.containsText(PromptDigest(file.entries[$0]).text)
    }
    guard let first = places.first else { return nil }
    guard places.count < file.entries.count else {
      return ("evaluation set \(set): its \(places.count) prompts are all training prompts", false)
    }
    let text =
      "evaluation set \(set): \(places.count) of its \(file.entries.count) prompts are training "
      + "prompts, the first at \(file.path):\(file.lines[first])"
    return (text, true)
  }
}

extension TrainingPrompts {
  /// The prompts of a configured run. Collective.
  ///
  /// Rank 0 reads their files, where nobody has before, then one rank of each machine that does not
  /// see what rank 0 made of them; the others find it done.
  ///
  /// - Parameters:
  ///   - tokenizer: The model's.
  ///   - reward: Refuses prompts that it cannot judge.
  /// - Throws: `AgreedFailure` that names the file and line at fault.
  static func load(
    _ configuration: RunConfiguration, tokenizer: CLIPTokenizer, reward: WeightedReward,
    _ communicator: Communicator
  ) throws -> TrainingPrompts {
    let sources = configuration.data.prompts
    let store = try communicator.agreed {
      PromptIndexStore(
        paths: sources.map(\.path),
        folder: configuration.data.indexFolder ?? PromptIndexStore.userFolder,
        tokenizer: tokenizer,
        judgesName: try [
          ModelFolder(path: configuration.model.path).tokenizerSHA256(),
          configuration.rewards.map(\.kind.rawValue).joined(separator: " "),
        ].joined(separator: " "),
        judge: reward.judge)
    }
    let result = try store.obtain(communicator)
    return try communicator.agreed {
      try TrainingPrompts(
        result.index, weights: sources.map(\.weight), seed: UInt64(configuration.run.seed),
        remarks: result.remarks)
    }
  }
}

extension PromptIndexStore {
  /// The index of the files, on every rank. Collective.
  func obtain(_ communicator: Communicator) throws -> Result {
    let machine = try communicator.splitByMachine()
    // Whether a rank's turn comes first, second or last; small files need no turns.
    let turn = communicator.rank == 0 ? 0 : machine.rank == 0 ? 1 : 2
    let isSmall = isSmall
    var result: Result?
    for present in 0...2 {
      try communicator.agreed {
        guard result == nil, isSmall || turn == present else { return }
        result = try obtain(isVerified: turn == 2)
      }
    }
    try machine.free()
    guard let result else { preconditionFailure("every rank has had its turn") }
    return result
  }
}

extension WeightedReward {
  /// Refuses a prompt that a reward cannot judge.
  fileprivate func judge(_ text: String) throws {
    do {
      try check(prompt: text)
    } catch {
      throw TrainingError(
        "the prompt", expected: "a prompt for \(name)", found: "\"\(text)\": \(error)",
        advice: "take it out, or choose another reward")
    }
  }
}
