import Foundation
import Planning

/// What a ``PhaseBenchmark`` found. Seconds and memory are those of the slowest and the largest rank.
public struct PhaseReport: Encodable, Sendable {
  /// The model's folder or name.
  public let model: String
  /// The type of the frozen weights.
  public let dtype: String
  /// What the ranks compute on.
  public let device: String
  /// Ranks that computed at once.
  public let rankCount: Int
  /// Threads of each.
  public let threadCount: Int
  /// Of a rank's product of large matrices, while all compute: operations a second.
  public let productRate: Double
  /// Of a rank's convolution of large images: operations a second.
  public let convolutionRate: Double
  /// In the order of an epoch.
  public let phases: [Phase]
  /// Of an epoch.
  public let epochSeconds: Double
  /// Of an epoch, all of its phases counted.
  public let imagesPerSecond: Double
  /// Of all networks' weights, in a rank's memory.
  public let weightByteCount: Int
  /// The most that tensors took on a rank's device at once.
  public let tensorPeakByteCount: Int
  /// The most that a rank's process took; 0 where the system does not tell.
  public let processPeakByteCount: Int

  /// A phase of an epoch.
  public struct Phase: Encodable, Sendable {
    /// Its name in metrics.jsonl.
    public let name: String
    /// Of an epoch.
    public let seconds: Double
    /// Operations of all ranks in convolutions, products and attention.
    public let arithmeticCount: Double
    /// Bytes of all ranks that these operations read and write at least, forward.
    public let byteCount: Double
    /// What the operations take at the rate of large ones.
    public let secondsAtPeak: Double
    /// What they take at their own shapes, each measured by itself.
    public let secondsAlone: Double
  }

  /// The figures for a person.
  public var text: String {
    func column(_ text: String, _ width: Int) -> String {
      String(repeating: " ", count: max(0, width - text.count)) + text
    }
    func rate(_ value: Double) -> String { String(format: "%.1f GFLOP/s", value / 1e9) }
    func percent(_ part: Double, _ whole: Double) -> String {
      whole > 0 && part > 0 ? String(format: "%.0f %%", 100 * part / whole) : "-"
    }
    var lines = [
      "model    \(model), \(dtype)",
      "ranks    \(rankCount) on \(device), of \(threadCount) thread\(threadCount == 1 ? "" : "s")",
      "peak     a rank's matrix product \(rate(productRate)), convolution \(rate(convolutionRate))",
      "",
      "phase          seconds   of epoch       GFLOP    GFLOP/s    of peak  of shapes",
    ]
    for phase in phases where phase.seconds > 0 {
      let perRank = phase.arithmeticCount / Double(rankCount)
      let isCounted = perRank > 0
      lines.append(
        phase.name.padding(toLength: 12, withPad: " ", startingAt: 0)
          + column(secondsText(phase.seconds), 10)
          + column(percent(phase.seconds, epochSeconds), 11)
          + column(isCounted ? String(format: "%.1f", phase.arithmeticCount / 1e9) : "-", 12)
          + column(isCounted ? String(format: "%.1f", perRank / phase.seconds / 1e9) : "-", 11)
          + column(percent(phase.secondsAtPeak, phase.seconds), 11)
          + column(percent(phase.secondsAlone, phase.seconds), 11))
    }
    lines += [
      "epoch       " + column(secondsText(epochSeconds), 10)
        + String(format: ", %.2f images/s", imagesPerSecond),
      "",
      "memory   weights \(byteText(weightByteCount)), tensors \(byteText(tensorPeakByteCount)), "
        + "process \(byteText(processPeakByteCount))",
      "",
      "GFLOP/s are a rank's. Of peak: what the phase's convolutions, products and attention would take at",
      "the rate of large ones; of shapes: what they take at their own shapes, each by itself.",
    ]
    return lines.joined(separator: "\n") + "\n"
  }
}
