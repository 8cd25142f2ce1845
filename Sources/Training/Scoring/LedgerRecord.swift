import Crypto
import Foundation
import Images

/// Where an image has its place in a run.
struct ImagePlace: Sendable, Equatable {
  /// The set of a run's own images.
  static let trainingSet = "train"
  /// The set of the images of `prdp evaluate`.
  static let evaluationSet = "evaluate"

  /// `train`, `evaluate`, or the evaluation set of a run.
  let set: String
  /// Of the prompt in the run, or of the image in the set.
  let position: Int
  /// Among the images of the position.
  let index: Int
}

/// What images' noise follows from, beside their places.
struct ScoreSeeds: Sendable {
  /// Of the run.
  let training: UInt64
  /// Of its evaluations.
  let evaluation: UInt64

  /// The seed of the image at a place.
  subscript(_ place: ImagePlace) -> UInt64 {
    place.set == ImagePlace.trainingSet ? training : evaluation
  }
}

/// A line of a ledger: what a reward said of an image.
struct LedgerRecord: Codable, Equatable {
  /// The name of the reward.
  var reward: String
  /// SHA-256 over what tells the reward from others, in hexadecimal.
  var identity: String
  /// The prompt that the image was drawn for.
  var prompt: String
  /// Where the image has its place: `train`, `evaluate`, or an evaluation set of the run.
  var set: String
  /// Of the prompt in the run, or of the image in the set.
  var position: Int
  /// Among the images of the position.
  var index: Int
  /// Of the run or of its evaluations: with set, position and index it keys the image's noise.
  var seed: UInt64
  /// SHA-256 over the image, see `Image.sha256`.
  var image: String
  /// What the reward said, raw; not in the line for a missing score.
  var score: Double?
  /// Why the score is missing.
  var reason: String?
  /// For which the answer that has it was waited for.
  var seconds: Double
  /// Of the process that asked.
  var rank: Int
}

extension LedgerRecord {
  /// What an equal request has in common: the reward, the prompt and the image.
  var key: LedgerKey { LedgerKey(identity: identity, prompt: prompt, image: image) }
}

/// The first half of a SHA-256 over a request: two of a thousand million requests share one with a
/// probability of 1e-21.
struct LedgerKey: Hashable, Sendable {
  private let high: UInt64
  private let low: UInt64

  /// The key of a request, from the hashes of the reward and of the image.
  init(identity: String, prompt: String, image: String) {
    // No hash has a line's end in it, so that no two requests give the same bytes.
    let words = SHA256.hash(data: Data("\(identity)\n\(image)\n\(prompt)".utf8))
      .withUnsafeBytes { Array($0.bindMemory(to: UInt64.self).prefix(2)) }
    (high, low) = (words[0], words[1])
  }
}

extension Image {
  /// SHA-256 over `<width>x<height>` and a line's end, and the samples: red, green and blue of each
  /// pixel, row by row; in hexadecimal.
  var sha256: String {
    var hash = SHA256()
    hash.update(data: Data("\(width)x\(height)\n".utf8))
    pixels.withUnsafeBytes { hash.update(bufferPointer: $0) }
    return hash.finalize().hexadecimal
  }
}
