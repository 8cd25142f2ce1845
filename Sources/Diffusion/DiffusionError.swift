/// What can go wrong between a scheduler file and a sampling plan.
public enum DiffusionError: Error, Equatable, CustomStringConvertible {
  /// A value lies outside its range.
  case invalidValue(name: String, expected: String, actual: String)
  /// A setting of diffusers that has no Gaussian step of the form used here.
  case unsupported(name: String, value: String, advice: String)
  /// A scheduler file is not the JSON object it should be.
  case malformedFile(reason: String)

  /// What was expected, what came and what to do, in one sentence.
  public var description: String {
    switch self {
    case .invalidValue(let name, let expected, let actual):
      "\(name) must be \(expected), got \(actual)"
    case .unsupported(let name, let value, let advice):
      "\(name) = \(value) is not supported: \(advice)"
    case .malformedFile(let reason):
      "scheduler_config.json cannot be read: \(reason)"
    }
  }
}
