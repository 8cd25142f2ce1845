/// How the log-probabilities of a step's latent elements become one number.
///
/// PRDP's paper does not say which it takes. With D elements, the same run has, under `mean`, D times
/// `sum`'s beta and a D-th of its clip range, and a D^2-th of its loss.
public enum LogProbabilityReduction: String, Sendable, Codable, CaseIterable {
  /// The mean over the elements, as in DDPO's code.
  case mean
  /// The sum over the elements: the log-probability itself, in nats.
  case sum

  /// What a log-probability in nats is multiplied by under this reduction.
  ///
  /// - Parameter latentElementCount: Elements of one latent, D.
  public func scale(latentElementCount: Int) -> Double {
    switch self {
    case .mean: 1 / Double(latentElementCount)
    case .sum: 1
    }
  }
}
