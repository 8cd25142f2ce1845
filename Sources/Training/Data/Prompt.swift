import Crypto
import Foundation

/// What an image is asked to show.
struct Prompt: Sendable, Hashable {
  /// The text, without spaces around it; never empty.
  let text: String
  /// What guidance leads away from; empty where the file names nothing.
  var negative = ""
}

/// Numbers that tell prompts apart, from SHA-256.
struct PromptDigest: Equatable {
  /// Of the text alone.
  let text: UInt64
  /// Of the text with its negative prompt.
  let whole: UInt32
  /// Also of both, 24 bits: proves that a prompt read later is the one that was indexed.
  let proof: UInt32

  static let proofBitCount: UInt64 = 24

  init(_ prompt: Prompt) {
    let text = Self.words(prompt.text)
    self.text = text.first
    // No prompt has a NUL in it.
    let both =
      prompt.negative.isEmpty ? text : Self.words(prompt.text + "\u{0}" + prompt.negative)
    whole = UInt32(truncatingIfNeeded: both.second)
    proof = UInt32(both.second >> 32) & (1 << UInt32(Self.proofBitCount) - 1)
  }

  /// The first two words of a text's SHA-256.
  private static func words(_ text: String) -> (first: UInt64, second: UInt64) {
    var text = text
    var hash = SHA256()
    text.withUTF8 { hash.update(bufferPointer: UnsafeRawBufferPointer($0)) }
    return hash.finalize().withUnsafeBytes {
      (
        UInt64(littleEndian: $0.loadUnaligned(as: UInt64.self)),
        UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
      )
    }
  }
}
