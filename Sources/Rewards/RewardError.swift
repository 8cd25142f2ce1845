/// Why pictures could not be scored.
public enum RewardError: Error, Equatable, Sendable {
  /// A weighted sum of no rewards.
  case noTerms
  /// Two terms of a weighted sum have the same name.
  case repeatedName(String)
  /// The weight of a reward is infinite or not a number.
  case weightNotFinite(reward: String, weight: Double)
  /// The pictures and the prompts differ in number.
  case promptCount(reward: String, imageCount: Int, promptCount: Int)
  /// The reward gave another number of scores than there are pictures.
  case scoreCount(reward: String, imageCount: Int, scoreCount: Int)
  /// The reward gave a score that is infinite or not a number.
  case scoreNotFinite(reward: String, imageIndex: Int, prompt: String, score: Double)
  /// A program that a reward asks is not there, or cannot be run.
  case noProgram(reward: String, program: String)
  /// The environment variable that a reward takes a secret from is not set.
  case noVariable(reward: String, variable: String)
}

extension RewardError: CustomStringConvertible {
  /// What was expected, what came and what to do.
  public var description: String {
    switch self {
    case .noTerms:
      "expected at least one reward, got none: name one under rewards"
    case .repeatedName(let name):
      "expected each reward once, got \(name) twice: add the two weights"
    case .weightNotFinite(let reward, let weight):
      "the weight of reward \(reward) must be a finite number, got \(weight)"
    case .promptCount(let reward, let imageCount, let promptCount):
      "reward \(reward) expects one prompt for each image, got \(promptCount) prompts for "
        + "\(imageCount) images"
    case .scoreCount(let reward, let imageCount, let scoreCount):
      "reward \(reward) must give one score for each image, got \(scoreCount) scores for "
        + "\(imageCount) images: the reward is at fault"
    case .scoreNotFinite(let reward, let imageIndex, let prompt, let score):
      "reward \(reward) must give finite scores, got \(score) for image \(imageIndex), prompt "
        + "\"\(prompt)\": the reward is at fault, or the image has no content it can judge"
    case .noProgram(let reward, let program):
      "reward \(reward) expects a program that can be run, got \(program), which is not one: give "
        + "its path, or a name that PATH finds"
    case .noVariable(let reward, let variable):
      "reward \(reward) expects a header's value in the environment variable \(variable), which is "
        + "empty or no such value: set it, and name it in cluster.environment for ranks on other hosts"
    }
  }
}
