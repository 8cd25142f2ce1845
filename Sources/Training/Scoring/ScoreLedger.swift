import Foundation
import Images
import Rewards
import Synchronization

/// Keeps every score that was paid for, so that none is paid for twice: a resumed run draws the images
/// of an epoch in flight again, and they are the same.
///
/// Each rank of each start of the program appends to a file of its own in the run folder,
/// `ledger/<time>-<rank>.jsonl`, whose lines are ``LedgerRecord``s. A line is handed to the system when
/// the answer is there, so that a process that is killed loses what was on its way; a line torn by it
/// is passed over. The last ``readLimit`` bytes of all files are read at the start. Of the scores in
/// them and those that come, ``indexLimit`` are known at most and half of these at least, the newest
/// ones, in some 60 bytes each.
final class ScoreLedger: Sendable {
  private let path: String
  private let rank: Int
  private let seeds: ScoreSeeds
  private let descriptor: CInt
  private let warn: @Sendable (String) -> Void
  private let index: Mutex<ScoreIndex>
  private let writing = Mutex(Writing())

  private struct Writing {
    var hasWarned = false
    var isLineTorn = false
  }

  /// Scores that are known, at most.
  static let indexLimit = 1_000_000
  /// Bytes of earlier files that are read, at most.
  static let readLimit = 256 << 20

  /// Opens the ledger of a run.
  ///
  /// - Parameters:
  ///   - folder: The ledger's folder, made where it is missing.
  ///   - seeds: Those of the images.
  ///   - advice: What to do where the folder is of no use.
  ///   - warn: Is told of the first line that cannot be written.
  /// - Throws: ``TrainingError`` when it cannot be read or written.
  init(
    folder: String, rank: Int, seeds: ScoreSeeds, indexLimit: Int = ScoreLedger.indexLimit,
    readLimit: Int = ScoreLedger.readLimit, advice: String,
    warn: @escaping @Sendable (String) -> Void
  ) throws {
    self.rank = rank
    self.seeds = seeds
    self.warn = warn
    try RunFolder.makeFolder(folder, advice: advice)
    var index = ScoreIndex(limit: indexLimit)
    try index.read(folder, byteLimit: readLimit)
    self.index = Mutex(index)
    (path, descriptor) = try Self.newFile(in: folder, rank: rank)
  }

  deinit {
    // Every line was handed to the system when it was written.
    close(descriptor)
  }

  /// Scores that it knows.
  var count: Int { index.withLock(\.count) }

  /// What a reward says of images, of which only those that it has not said before are asked for.
  ///
  /// - Parameter onAttempt: Is told of each attempt, by any thread, when an answer was kept.
  func scores(
    of images: [Image], prompts: [String], places: [ImagePlace], by reward: any PaidReward,
    onAttempt: @escaping @Sendable () -> Void = {}
  ) throws -> [Score] {
    // The reward may end its threads when it is let go of, and so is not to be held by one of them.
    let name = reward.name
    let identity = sha256(of: Data(reward.identity.utf8))
    let hashes = images.map(\.sha256)
    let keys = zip(hashes, prompts).map {
      LedgerKey(identity: identity, prompt: $1, image: $0)
    }
    var scores = index.withLock { index in keys.map { index[$0].map(Score.value) } }
    let asked = scores.indices.filter { scores[$0] == nil }
    guard !asked.isEmpty else { return scores.compactMap(\.self) }
    let answers = try reward.score(
      asked.map { images[$0] }, prompts: asked.map { prompts[$0] }
    ) { [self] indices, attempt in
      if case .answered(let answers, let seconds) = attempt {
        append(
          zip(asked[indices], answers).map { image, score in
            let place = places[image]
            return LedgerRecord(
              reward: name, identity: identity, prompt: prompts[image], set: place.set,
              position: place.position, index: place.index, seed: seeds[place],
              image: hashes[image], score: score.value, reason: score.missingReason,
              seconds: seconds, rank: rank)
          })
      }
      onAttempt()
    }
    for (image, answer) in zip(asked, answers) { scores[image] = answer }
    return scores.compactMap(\.self)
  }

  private func append(_ records: [LedgerRecord]) {
    index.withLock { index in
      for record in records { index.note(record) }
    }
    writing.withLock { writing in
      do {
        let encoder = JSONEncoder.stable()
        // A line that the disk had no room for the end of is ended first.
        let lines = try records.reduce(into: Data((writing.isLineTorn ? "\n" : "").utf8)) {
          $0 += try encoder.encode($1) + Data("\n".utf8)
        }
        let count = lines.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        guard count == lines.count else {
          writing.isLineTorn = writing.isLineTorn || count > 0
          throw TrainingError(path, failed: "to write a line", errno: count < 0 ? errno : ENOSPC)
        }
        writing.isLineTorn = false
      } catch {
        guard !writing.hasWarned else { return }
        writing.hasWarned = true
        warn("\(error): scores are taken all the same, and what was paid for is not kept")
      }
    }
  }

  /// A file that no other rank and no other start has.
  private static func newFile(in folder: String, rank: Int) throws -> (String, CInt) {
    var milliseconds = Int(Date().timeIntervalSince1970 * 1000)
    while true {
      let path = "\(folder)/\(milliseconds)-\(rank).jsonl"
      let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0o644)
      if descriptor >= 0 { return (path, descriptor) }
      guard errno == EEXIST else {
        throw TrainingError(path, failed: "a new file that can be written", errno: errno)
      }
      milliseconds += 1
    }
  }
}

/// The newest scores that were paid for, by what was asked.
struct ScoreIndex {
  private let limit: Int
  /// Two halves: where the newer one is full the older one is let go of.
  private var newer: [LedgerKey: Double] = [:]
  private var older: [LedgerKey: Double] = [:]

  /// - Parameter limit: The most that are kept.
  init(limit: Int) {
    self.limit = limit
  }

  var count: Int { newer.count + older.count }

  subscript(_ key: LedgerKey) -> Double? { newer[key] ?? older[key] }

  /// Keeps a score; one that is missing is asked for again.
  mutating func note(_ record: LedgerRecord) {
    guard let score = record.score, score.isFinite else { return }
    newer[record.key] = score
    older[record.key] = nil
    guard newer.count >= max(1, limit / 2) else { return }
    (older, newer) = (newer, [:])
  }

  /// Keeps the newest scores of the files in a folder.
  ///
  /// - Parameter byteLimit: The most that is read.
  mutating func read(_ folder: String, byteLimit: Int) throws {
    let names = try FileManager.default.contentsOfDirectory(atPath: folder)
      .filter { $0.hasSuffix(".jsonl") }
    // By the time that their names begin with: the newest first, as far as they are read.
    func time(_ name: String) -> Int { Int(name.prefix { $0.isNumber }) ?? 0 }
    var left = byteLimit
    var parts: [(name: String, byteCount: Int)] = []
    for name in names.sorted(by: { (time($0), $0) > (time($1), $1) }) where left > 0 {
      let count = min(left, try RegularFile("\(folder)/\(name)", followsLink: false).byteCount)
      left -= count
      parts.append((name, count))
    }
    let decoder = JSONDecoder()
    for part in parts.reversed() {
      try RegularFile("\(folder)/\(part.name)", followsLink: false)
        .forEachLine(ofLast: part.byteCount) { line in
          // The first may be the end of a line, and any may be torn.
          (try? decoder.decode(LedgerRecord.self, from: Data(line))).map { note($0) }
        }
    }
  }
}
