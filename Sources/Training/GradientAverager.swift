import MPI
import TorchNN

/// Adds up gradients over all ranks.
struct GradientAverager {
  let communicator: Communicator

  /// Replaces each rank's sum by the sum over ranks, the same bits on every rank.
  func reduce(_ gradient: FlatGradient) throws {
    guard communicator.size > 1 else { return }
    var values = try gradient.sum.values(as: Double.self)
    try communicator.allReduce(&values, by: .sum)
    try gradient.replace(with: values)
  }
}
