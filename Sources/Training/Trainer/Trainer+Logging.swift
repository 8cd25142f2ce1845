import MPI
import PRDP
import TensorBoard

/// What is written of the run while it goes on, by rank 0.
extension Trainer {
  /// Adds a record to `metrics.jsonl` and to TensorBoard's files.
  func log(_ record: MetricsRecord) {
    metrics?.write(record)
    events?.write(record)
  }

  /// Adds the log-ratios of the step that was just taken to TensorBoard's files. Collective.
  func logLogRatios(of objectives: [any StepObjective]) throws {
    // Rank 0 alone knows whether its files can be written; this is the same on all ranks.
    guard configuration.logging.tensorboard, saver != nil else { return }
    let toOld = try Histogram(objectives.flatMap(\.deltas.values)).summed(over: communicator)
    let toReference = try Histogram(objectives.flatMap(\.logRatios)).summed(over: communicator)
    events?.write(logRatiosToOld: toOld, toReference: toReference, step: state.step)
  }
}

extension Histogram {
  /// The histogram of all ranks' values. Collective.
  func summed(over communicator: Communicator) throws -> Histogram {
    var sums = counts + [sum, sumOfSquares]
    var extremes = [-least, greatest]
    try communicator.allReduce(&sums, by: .sum)
    try communicator.allReduce(&extremes, by: .max)
    var whole = self
    (whole.counts, whole.sum, whole.sumOfSquares) = (
      Array(sums.dropLast(2)), sums[sums.count - 2], sums[sums.count - 1]
    )
    (whole.least, whole.greatest) = (-extremes[0], extremes[1])
    return whole
  }
}
