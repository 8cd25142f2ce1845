/// The seed of the noise of one image: the same whichever rank draws it, with any number of ranks
/// and after any resume.
///
/// The three numbers are mixed in one after another,
/// `splitMix(splitMix(splitMix(runSeed) ^ position) ^ imageIndex)`. As ``splitMix(_:)`` is a
/// bijection, no two images of a position and no two positions of a run have a key in common by
/// their small differences; what is left is chance. libtorch's generator on the CPU takes the low
/// 32 bits of a seed: two images share their noise with a chance of 1 in 2^32.
///
/// - Parameters:
///   - position: The prompt's place among all that the run visits, at least 0.
///   - imageIndex: Which of the prompt's images, at least 0.
public func noiseSeed(runSeed: UInt64, position: Int, imageIndex: Int) -> UInt64 {
  precondition(position >= 0 && imageIndex >= 0, "positions and images are counted from 0")
  return splitMix(splitMix(splitMix(runSeed) ^ UInt64(position)) ^ UInt64(imageIndex))
}

/// The seed of the noise of one image of an evaluation. It differs from all of training's, also
/// where `seed` is the run's.
///
/// - Parameters:
///   - set: The evaluation set's name.
///   - place: The image's place in the set, at least 0.
public func evaluationSeed(_ seed: UInt64, set: String, place: Int) -> UInt64 {
  let domain = "evaluation/\(set)".utf8.reduce(splitMix(seed)) { splitMix($0 ^ UInt64($1)) }
  return noiseSeed(runSeed: domain, position: place, imageIndex: 0)
}

/// The first number of the SplitMix64 generator with the seed `value`: a bijection of 64 bits in
/// which every bit of the result depends on every bit of `value`.
///
/// - Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
func splitMix(_ value: UInt64) -> UInt64 {
  var bits = value &+ 0x9E37_79B9_7F4A_7C15
  bits = (bits ^ bits >> 30) &* 0xBF58_476D_1CE4_E5B9
  bits = (bits ^ bits >> 27) &* 0x94D0_49BB_1331_11EB
  return bits ^ bits >> 31
}
