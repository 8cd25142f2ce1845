import Foundation

/// Where each prompt of some files is, less those that are there already: 8 bytes a prompt, and 8 more
/// to find a text by.
///
/// In memory or in a file, of which a word is read where it is wanted. It is not mapped: a mapped
/// file that vanishes or shrinks ends the process, and a read is as fast as anything here needs.
struct PromptIndex {
  /// What is known of the files and of how the index is laid out.
  struct Header: Codable, Equatable {
    /// A file of prompts.
    struct File: Codable, Equatable {
      let path: String
      let version: FileVersion
      let sha256: String
      let syntax: PromptSyntax
      /// Prompts that count: those left out are not among them.
      let promptCount: Int
      /// Prompts that were left out, for they are in this file or an earlier one already.
      let duplicateCount: Int
      /// Prompts with a negative prompt, those left out included.
      let negativeCount: Int
      /// Prompts with more tokens than a text encoder reads; `nil` where nobody looked.
      let longCount: Int?
      /// The line of the first of them.
      let firstLongLine: Int?
    }

    let files: [File]
    /// When it was made, in nanoseconds since 1970.
    let madeAt: Int

    var promptCount: Int { files.reduce(0) { $0 + $1.promptCount } }
    var duplicateCount: Int { files.reduce(0) { $0 + $1.duplicateCount } }
  }

  /// Where a prompt is, and a proof that it is the one: an offset below 2^40 and 24 bits.
  struct Entry: Equatable {
    let offset: Int
    let proof: UInt32

    static let offsetLimit = 1 << 40

    init(offset: Int, proof: UInt32) {
      precondition(offset < Self.offsetLimit)
      self.offset = offset
      self.proof = proof
    }

    init(word: UInt64) {
      offset = Int(word >> PromptDigest.proofBitCount)
      proof = UInt32(word & (1 << PromptDigest.proofBitCount - 1))
    }

    var word: UInt64 { UInt64(offset) << PromptDigest.proofBitCount | UInt64(proof) }
  }

  /// The words of an index: an entry for each prompt, file by file, then the texts' digests in
  /// rising order, as many.
  protocol Words {
    func word(at place: Int) throws -> UInt64
  }

  let header: Header
  private let words: any Words

  init(_ header: Header, _ words: any Words) {
    self.header = header
    self.words = words
  }

  /// The entry of a prompt, counted through all files.
  func entry(at place: Int) throws -> Entry { Entry(word: try words.word(at: place)) }

  /// Whether a prompt has the text with this digest: by its 64 bits, of ten million texts one in
  /// 10^12 is taken for another.
  func containsText(_ digest: UInt64) throws -> Bool {
    let count = header.promptCount
    var (low, high) = (count, 2 * count)
    while low < high {
      let middle = (low + high) / 2
      let word = try words.word(at: middle)
      if word == digest { return true }
      if word < digest { low = middle + 1 } else { high = middle }
    }
    return false
  }
}

/// An index that was just made.
struct PromptIndexArrays: PromptIndex.Words {
  let entries: [UInt64]
  /// In rising order.
  let texts: [UInt64]

  func word(at place: Int) -> UInt64 {
    place < entries.count ? entries[place] : texts[place - entries.count]
  }
}
