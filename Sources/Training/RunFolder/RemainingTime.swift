/// Guesses how long a run still takes, from the time that its last epochs and evaluations took.
struct RemainingTime {
  private let epochCount: Int
  private let evaluationEveryEpochs: Int
  private var epochsDone = 0
  private var lastEnd = 0.0
  private var epochSeconds: [Double] = []
  private var evaluationSeconds: [String: Double] = [:]

  /// Epochs that the mean is taken over.
  private static let window = 10

  /// - Parameter evaluationEveryEpochs: 0: only before the first epoch and after the last.
  init(epochCount: Int, evaluationEveryEpochs: Int) {
    self.epochCount = epochCount
    self.evaluationEveryEpochs = evaluationEveryEpochs
  }

  /// Takes note of an epoch's time, and of the time by the clock.
  mutating func endEpoch(_ epoch: Int, seconds: Double, at time: Double) {
    epochsDone = epoch
    lastEnd = time
    epochSeconds = (epochSeconds + [seconds]).suffix(Self.window)
  }

  /// Takes note of the time that the evaluation of a set took.
  mutating func endEvaluation(of set: String, seconds: Double) {
    evaluationSeconds[set] = seconds
  }

  /// Seconds left at a time by the clock; `nil` before the first epoch ends, when nothing is known.
  func seconds(at time: Double) -> Double? {
    guard !epochSeconds.isEmpty else { return nil }
    let mean = epochSeconds.reduce(0, +) / Double(epochSeconds.count)
    // The last epoch's own evaluation counts: what has passed of it is taken off below.
    let evaluationCount = (epochsDone...max(epochsDone, epochCount)).count {
      $0 == epochCount || evaluationEveryEpochs > 0 && $0 % evaluationEveryEpochs == 0
    }
    let total =
      Double(max(0, epochCount - epochsDone)) * mean
      + Double(evaluationCount) * evaluationSeconds.values.reduce(0, +)
    return max(0, total - (time - lastEnd))
  }
}
