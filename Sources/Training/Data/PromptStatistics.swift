import CLIP
import Foundation

/// What some prompt files hold, taken together as a run would take them.
public struct PromptStatistics: Encodable, Sendable {
  /// A file and what is in it.
  public struct File: Encodable, Sendable {
    /// Where it is.
    public let path: String
    /// Its length in bytes.
    public let byteCount: Int
    /// Its SHA-256 in lower-case hexadecimal.
    public let sha256: String
    /// Its prompts that a run would draw.
    public let promptCount: Int
    /// Its prompts that a run would leave out: they are in it or in an earlier file already.
    public let duplicateCount: Int
    /// Its prompts with a negative prompt.
    public let negativeCount: Int
    /// Its prompts with more tokens than the model's text encoder reads; `nil` without a model.
    public let longCount: Int?
    /// The line of the first of them.
    public let firstLongLine: Int?
  }

  /// How many tokens the prompts have, start and end among them, duplicates included.
  public struct Lengths: Encodable, Sendable {
    /// The most that the text encoder reads.
    public let limit: Int
    /// The fewest.
    public let least: Int
    /// As many or fewer has half of them.
    public let median: Int
    /// As many or fewer have nine in ten.
    public let percentile90: Int
    /// As many or fewer have 99 in a hundred.
    public let percentile99: Int
    /// The most.
    public let most: Int
  }

  /// The files in order.
  public let files: [File]
  /// `nil` without a model.
  public let lengths: Lengths?
  /// What it took to read them.
  public let seconds: Double

  /// Reads the files.
  ///
  /// - Parameter tokenizer: The folder of a model's tokenizer; `nil` to leave out the lengths.
  /// - Throws: An error that names the file and the line at fault.
  public init(paths: [String], tokenizer folder: URL?) throws {
    let tokenizer = try folder.map { try CLIPTokenizer(folder: $0) }
    let start = ContinuousClock.now
    var builder = PromptIndexBuilder(tokenizer: tokenizer, measuresAll: true)
    for path in paths { try builder.add(path: path) }
    files = try builder.finish().header.files.map {
      File(
        path: $0.path, byteCount: $0.version.byteCount, sha256: $0.sha256,
        promptCount: $0.promptCount, duplicateCount: $0.duplicateCount,
        negativeCount: $0.negativeCount, longCount: $0.longCount, firstLongLine: $0.firstLongLine)
    }
    lengths = tokenizer.map { Lengths(builder.tokenCounts, limit: $0.modelMaxLength) }
    seconds = (ContinuousClock.now - start) / .seconds(1)
  }
}

extension PromptStatistics.Lengths {
  /// - Parameter counts: How many prompts have so many tokens; of one prompt at least.
  init(_ counts: [Int: Int], limit: Int) {
    let sorted = counts.sorted { $0.key < $1.key }
    let total = sorted.reduce(0) { $0 + $1.value }
    /// The smallest length that the share of all prompts does not exceed.
    func quantile(_ share: Double) -> Int {
      var below = 0
      for (length, count) in sorted {
        below += count
        if Double(below) >= share * Double(total) { return length }
      }
      return sorted.last?.key ?? 0
    }
    self.init(
      limit: limit, least: sorted.first?.key ?? 0, median: quantile(0.5),
      percentile90: quantile(0.9), percentile99: quantile(0.99), most: sorted.last?.key ?? 0)
  }
}

extension PromptStatistics: CustomStringConvertible {
  /// A line a file, one on the lengths and one on the time.
  public var description: String {
    var lines = files.map { file in
      var parts = ["\(file.path): \(file.promptCount) prompts"]
      if file.duplicateCount > 0 { parts.append("\(file.duplicateCount) duplicates left out") }
      if file.negativeCount > 0 { parts.append("\(file.negativeCount) negative prompts") }
      if let count = file.longCount, count > 0, let line = file.firstLongLine, let lengths {
        parts.append("\(count) of more than \(lengths.limit) tokens, the first in line \(line)")
      }
      return parts.joined(separator: ", ")
    }
    if let lengths {
      lines.append(
        "tokens: \(lengths.least) to \(lengths.most); half of the prompts have up to "
          + "\(lengths.median), 90 % \(lengths.percentile90), 99 % \(lengths.percentile99); the text "
          + "encoder reads \(lengths.limit)")
    }
    let total = files.reduce(0) { $0 + $1.promptCount + $1.duplicateCount }
    lines.append("read \(total) prompts in \(String(format: "%.1f", seconds)) s")
    return lines.joined(separator: "\n")
  }
}
