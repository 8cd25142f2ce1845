/// What a reward says of a picture.
public enum Score: Sendable, Equatable {
  /// How well it does what its prompt asks, a finite number, the higher the better.
  case value(Double)
  /// The reward has none to give, and says why. That is neither 0 nor an error: training leaves out
  /// what the score was needed for.
  case missing(reason: String)

  /// The number, `nil` where the score is missing.
  public var value: Double? {
    switch self {
    case .value(let value): value
    case .missing: nil
    }
  }

  /// Why there is no number, `nil` where there is one.
  public var missingReason: String? {
    switch self {
    case .value: nil
    case .missing(let reason): reason
    }
  }
}
