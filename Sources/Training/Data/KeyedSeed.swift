import Scenes

/// The seed of the noise of one image: the same whichever rank draws it, with any number of ranks
/// and after any resume.
///
/// The three numbers are mixed in one after another,
/// `splitMix(splitMix(splitMix(runSeed) ^ position) ^ imageIndex)`. As `splitMix` is a
/// bijection, no two images of a position and no two positions of a run have a key in common by
/// their small differences; what is left is chance. libtorch's generator on the CPU takes the low
/// 32 bits of a seed: two images share their noise with a chance of 1 in 2^32.
///
/// - Parameters:
///   - position: The prompt's place among all that the run visits, at least 0.
///   - imageIndex: Which of the prompt's images, at least 0.
func noiseSeed(runSeed: UInt64, position: Int, imageIndex: Int) -> UInt64 {
  precondition(position >= 0 && imageIndex >= 0, "positions and images are counted from 0")
  return splitMix(splitMix(splitMix(runSeed) ^ UInt64(position)) ^ UInt64(imageIndex))
}

/// The seed of the noise of one image of an evaluation. It differs from all of training's, also
/// where `seed` is the run's.
///
/// - Parameters:
///   - set: The evaluation set's name.
///   - place: The place of the image, or of its prompt, in the set, at least 0.
///   - imageIndex: Which of the prompt's images, at least 0.
func evaluationSeed(_ seed: UInt64, set: String, place: Int, imageIndex: Int = 0) -> UInt64 {
  let domain = "evaluation/\(set)".utf8.reduce(splitMix(seed)) { splitMix($0 ^ UInt64($1)) }
  return noiseSeed(runSeed: domain, position: place, imageIndex: imageIndex)
}
