import CLIP
import Crypto
import Foundation

/// Finds the index of some prompt files, or makes it, and keeps it for the next run.
///
/// Its file is named for what it depends on besides the files' contents. Runs that make the same at
/// once write each its own file and rename it: whichever comes last stays.
struct PromptIndexStore {
  /// The files of prompts, in order.
  let paths: [String]
  /// The folder that indexes are kept in; `nil` to keep none.
  let folder: String?
  /// The model's tokenizer, to find prompts that are too long.
  let tokenizer: CLIPTokenizer?
  /// Tells the tokenizer and the rewards from others.
  let judgesName: String
  /// Refuses a prompt that a reward cannot judge.
  let judge: (String) throws -> Void
  /// The total length of files, in bytes, up to which an index is made anew each time and not kept.
  var smallByteCount = 256 << 10

  /// An index, and what there is to say of how it came about.
  struct Result {
    let index: PromptIndex
    var remarks: [String] = []
  }

  /// Whether the files are so small that an index is made sooner than found.
  var isSmall: Bool {
    paths.reduce(0) { total, path in
      var status = stat()
      // What cannot be looked at is soon said.
      return total + (stat(path, &status) == 0 ? Int(status.st_size) : 0)
    } <= smallByteCount
  }

  /// The index of the files as they are now.
  ///
  /// - Parameter isVerified: Whether an index that is there was just read to its end by another rank
  ///   of this machine.
  /// - Throws: ``TrainingError`` that names the file and line at fault.
  func obtain(isVerified: Bool) throws -> Result {
    guard let folder, !isSmall else {
      let (header, words) = try build()
      return Result(index: PromptIndex(header, words))
    }
    let path = "\(folder)/\(name)"
    var remarks: [String] = []
    do {
      return Result(index: try open(path, isVerified: isVerified))
    } catch PromptIndex.Unusable.damaged {
      remarks.append("\(path) is not as it was written, and is made anew")
    } catch PromptIndex.Unusable.outdated {
    } catch let error as TrainingError where error.place == path {
      // There is none yet, or it cannot be read: then it can hardly be replaced, which is said.
    }
    let start = ContinuousClock.now
    let (header, words) = try build()
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    do {
      try keep(header, words, at: path)
      remarks.append(
        "\(header.promptCount) prompts were read in \(String(format: "%.1f", seconds)) s; where they "
          + "are is kept in \(path)")
      // Read from the file from now on: what was made lies in memory.
      return Result(
        index: try PromptIndex(contentsOf: path, isVerified: true), remarks: remarks)
    } catch {
      remarks.append(
        "the index of the prompts cannot be kept, and is made anew at each start: \(error); "
          + "set data.indexFolder")
      return Result(index: PromptIndex(header, words), remarks: remarks)
    }
  }

  /// The name of the index's file.
  private var name: String {
    let parts = paths.map { URL(filePath: $0).standardizedFileURL.path } + [judgesName]
    return sha256(of: Data(parts.joined(separator: "\u{0}").utf8)).prefix(32) + ".index"
  }

  private func build() throws -> (PromptIndex.Header, PromptIndexArrays) {
    var builder = PromptIndexBuilder(tokenizer: tokenizer, judge: judge)
    for path in paths { try builder.add(path: path) }
    return try builder.finish()
  }

  /// An index that is of the files as they are now.
  private func open(_ path: String, isVerified: Bool) throws -> PromptIndex {
    let index = try PromptIndex(contentsOf: path, isVerified: isVerified)
    let files = index.header.files
    guard files.count == paths.count else { throw PromptIndex.Unusable.outdated }
    for (file, path) in zip(files, paths) {
      let present = try RegularFile(path)
      guard present.version == file.version else { throw PromptIndex.Unusable.outdated }
      // Clocks are coarse: of a file as young as that a change may not show in its times.
      let age = index.header.madeAt - max(file.version.modified, file.version.changed)
      if age < Self.trustedAge, !isVerified, try present.sha256() != file.sha256 {
        throw PromptIndex.Unusable.outdated
      }
    }
    return index
  }

  /// Nanoseconds that a file must have been left alone for when it was indexed.
  private static let trustedAge = 10_000_000_000

  private func keep(
    _ header: PromptIndex.Header, _ words: PromptIndexArrays, at path: String
  ) throws {
    let folder = (path as NSString).deletingLastPathComponent
    try RunFolder.makeFolder(folder, advice: "set data.indexFolder to a folder of yours")
    removeOldParts(of: path)
    let part = "\(path).\(nonce())\(nonce())\(Self.partEnding)"
    try PromptIndex.write(header, words, to: part)
    do {
      try DiskOperations().rename(part, to: path)
    } catch {
      unlink(part)
      throw error
    }
  }

  private static let partEnding = ".part"

  /// Removes what runs left behind that ended while they wrote. Nobody writes for an hour.
  private func removeOldParts(of path: String) {
    let folder = (path as NSString).deletingLastPathComponent
    let prefix = "\((path as NSString).lastPathComponent)."
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    for name in names where name.hasPrefix(prefix) && name.hasSuffix(Self.partEnding) {
      var status = stat()
      let part = "\(folder)/\(name)"
      if stat(part, &status) == 0, time(nil) - status.st_mtim.tv_sec > 3600 { unlink(part) }
    }
  }
}

extension PromptIndexStore {
  /// The folder for indexes of those who name none: prdp in the user's folder for what can be made
  /// anew; `nil` where the user has none.
  ///
  /// - Source: XDG Base Directory Specification 0.8.
  static var userFolder: String? {
    let environment = ProcessInfo.processInfo.environment
    if let cache = environment["XDG_CACHE_HOME"], cache.hasPrefix("/") { return "\(cache)/prdp" }
    guard let home = environment["HOME"], home.hasPrefix("/") else { return nil }
    return "\(home)/.cache/prdp"
  }
}
