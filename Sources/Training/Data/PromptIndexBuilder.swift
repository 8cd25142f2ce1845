import CLIP
import Foundation

/// Reads prompt files to their end and makes their index.
///
/// It takes 24 bytes of memory for each prompt, and as many again while it looks for prompts that are
/// there twice: some 400 MB for ten million.
struct PromptIndexBuilder {
  /// What stands at one prompt while an index is made: all but the order of those that are equal is
  /// in the digests, 96 bits of them.
  private struct Sighting: Comparable {
    let text: UInt64
    let whole: UInt32
    let ordinal: UInt32

    private var second: UInt64 { UInt64(whole) << 32 | UInt64(ordinal) }

    static func < (one: Self, other: Self) -> Bool {
      one.text == other.text ? one.second < other.second : one.text < other.text
    }

    func isOfSamePrompt(as other: Self) -> Bool { text == other.text && whole == other.whole }
  }

  /// A file that was read, and how many of the words are its.
  private struct Part {
    let path: String
    let scanner: PromptScanner
    let sha256: String
    let range: Range<Int>
    let negativeCount: Int
    let longCount: Int
    let firstLongLine: Int?
  }

  /// Counts the tokens of the prompts; `nil` where nobody wants to know.
  private var counter: TokenCounter?
  /// Whether the tokens of every prompt are counted, and not only whether they are too many.
  private let measuresAll: Bool
  private let judge: (String) throws -> Void
  private var entries: [UInt64] = []
  private var sightings: [Sighting] = []
  private var parts: [Part] = []
  /// How many prompts have so many tokens.
  private(set) var tokenCounts: [Int: Int] = [:]

  /// A builder that has read nothing yet.
  ///
  /// - Parameters:
  ///   - tokenizer: The model's; without it nobody knows which prompts are too long.
  ///   - measuresAll: Whether ``tokenCounts`` are wanted.
  ///   - judge: Refuses a prompt that a reward cannot judge.
  init(
    tokenizer: CLIPTokenizer?, measuresAll: Bool = false,
    judge: @escaping (String) throws -> Void = { _ in }
  ) {
    counter = tokenizer.map(TokenCounter.init)
    self.measuresAll = measuresAll
    self.judge = judge
  }

  /// Reads a file.
  ///
  /// - Throws: ``TrainingError`` that names the file and the line at fault.
  mutating func add(path: String) throws {
    let scanner = try PromptScanner(path: path)
    let start = entries.count
    var (negativeCount, longCount) = (0, 0)
    var firstLongLine: Int?
    while let found = try scanner.next() {
      let digest = PromptDigest(found.prompt)
      guard found.offset < PromptIndex.Entry.offsetLimit, entries.count < Int(UInt32.max) else {
        throw found.place.error(
          expected: "less than a terabyte and \(UInt32.max) prompts", found: "more",
          advice: "train on a part of them")
      }
      try judge(found, number: entries.count - start + 1)
      if try isTooLong(found) {
        longCount += 1
        firstLongLine = firstLongLine ?? found.place.line
      }
      if !found.prompt.negative.isEmpty { negativeCount += 1 }
      sightings.append(
        Sighting(text: digest.text, whole: digest.whole, ordinal: UInt32(entries.count)))
      entries.append(PromptIndex.Entry(offset: found.offset, proof: digest.proof).word)
      if entries.count - start == Self.sampleCount {
        reserve(byteCount: found.offset, of: scanner.version.byteCount)
      }
    }
    guard entries.count > start else { throw scanner.version.noPrompts(path) }
    parts.append(
      Part(
        path: path, scanner: scanner, sha256: try scanner.finish(), range: start..<entries.count,
        negativeCount: negativeCount, longCount: longCount, firstLongLine: firstLongLine))
  }

  /// Prompts after which the number of a file's is guessed.
  private static let sampleCount = 10_000

  /// Makes room for the prompts of a file: a list that grows by doubling takes three times its
  /// memory.
  private mutating func reserve(byteCount: Int, of totalByteCount: Int) {
    let guess = entries.count + totalByteCount / max(1, byteCount / Self.sampleCount)
    entries.reserveCapacity(guess + guess / 8)
    sightings.reserveCapacity(guess + guess / 8)
  }

  private func judge(_ found: PromptScanner.Found, number: Int) throws {
    do {
      try judge(found.prompt.text)
    } catch let error as TrainingError {
      throw TrainingError(
        "prompt \(number) of \(found.place.path)", expected: error.expected, found: error.found,
        advice: error.advice)
    }
  }

  private mutating func isTooLong(_ found: PromptScanner.Found) throws -> Bool {
    let text = found.prompt.text
    do {
      guard measuresAll else { return try counter?.isTooLong(text) ?? false }
      guard let count = try counter?.count(text) else { return false }
      tokenCounts[count, default: 0] += 1
      return count > counter?.limit ?? .max
    } catch {
      throw found.place.error(
        expected: "a prompt that the model's tokenizer takes", found: "\(error)")
    }
  }

  /// The index of the files that were added, which are of no more use here.
  ///
  /// - Throws: ``TrainingError`` where all prompts of a file are in earlier ones.
  mutating func finish() throws -> (header: PromptIndex.Header, words: PromptIndexArrays) {
    let (isLeftOut, texts) = takeDuplicates()
    var kept = 0
    var files: [PromptIndex.Header.File] = []
    for part in parts {
      let start = kept
      for place in part.range where !isLeftOut[place] {
        entries[kept] = entries[place]
        kept += 1
      }
      guard kept > start else {
        throw TrainingError(
          part.path, expected: "at least one prompt that is in no earlier file", found: "none",
          advice: "leave the file out")
      }
      files.append(
        PromptIndex.Header.File(
          path: part.path, version: part.scanner.version, sha256: part.sha256,
          syntax: part.scanner.syntax, promptCount: kept - start,
          duplicateCount: part.range.count - (kept - start), negativeCount: part.negativeCount,
          longCount: counter.map { _ in part.longCount }, firstLongLine: part.firstLongLine))
    }
    entries.removeLast(entries.count - kept)
    let header = PromptIndex.Header(
      files: files, madeAt: Int(Date.now.timeIntervalSince1970 * 1e9))
    return (header, PromptIndexArrays(entries: entries, texts: texts))
  }

  /// Which prompts are there already, and the digests of the texts of all others in rising order.
  private mutating func takeDuplicates() -> (isLeftOut: [Bool], texts: [UInt64]) {
    sightings.sort()
    var isLeftOut = [Bool](repeating: false, count: sightings.count)
    var texts: [UInt64] = []
    texts.reserveCapacity(sightings.count)
    var previous: Sighting?
    for sighting in sightings {
      if let previous, sighting.isOfSamePrompt(as: previous) {
        isLeftOut[Int(sighting.ordinal)] = true
      } else {
        texts.append(sighting.text)
      }
      previous = sighting
    }
    sightings = []
    return (isLeftOut, texts)
  }
}
