import Foundation
import Planning

/// What a ``PhaseBenchmark`` found. Seconds are those of the slowest rank, memory that of the largest.
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
  /// Of a rank's convolution of large images: operations a second of the definition, of which fewer
  /// may have been computed.
  public let convolutionRate: Double
  /// In the order of an epoch.
  public let phases: [Phase]
  /// Of an epoch.
  public let epochSeconds: Double
  /// Of an epoch, over all ranks.
  public let imageCount: Int
  /// Over all ranks, in a whole epoch.
  public let imagesPerSecond: Double
  /// Of all networks' weights, in a rank's memory.
  public let weightByteCount: Int
  /// The most that tensors took on a rank's device at once in these epochs.
  public let tensorPeakByteCount: Int
  /// The most that a rank's process took since its start; 0 where the system does not tell.
  public let processPeakByteCount: Int

  /// A phase of an epoch.
  public struct Phase: Encodable, Sendable {
    /// encode, sample, decode, reward, reference, gradient, communicate or update; the first three are
    /// one in metrics.jsonl.
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
    func rate(_ value: Double) -> String { String(format: "%.1f GFLOP/s", value / 1e9) }
    let lines =
      [
        "model    \(model), \(dtype)",
        "ranks    \(rankCount) on \(device), threads \(threadCount) each",
        "peak     a rank's product \(rate(productRate)), convolution \(rate(convolutionRate))",
        "",
        "phase             time   of epoch       GFLOP          GB    GFLOP/s    of peak  of shapes",
      ] + phases.filter { $0.seconds > 0 }.map(line) + [line(epoch)] + [
        "",
        String(format: "images   %d an epoch, %.2f a second", imageCount, imagesPerSecond),
        "memory   weights \(byteText(weightByteCount)), tensors \(byteText(tensorPeakByteCount)), "
          + "process \(byteText(processPeakByteCount))",
        "",
        "GFLOP and GB are all ranks' in convolutions, products and attention, GB those of",
        "forward passes; GFLOP/s are a rank's. Convolutions count as they are defined: some are",
        "computed with fewer products, which the peak has too. Of peak: what these would take at the",
        "rate of large convolutions and products; of shapes: each by itself, as they are.",
        "communicate is what averaging takes beyond the backward pass beside it, the wait for",
        "slower ranks included.",
      ]
    return lines.joined(separator: "\n") + "\n"
  }

  /// All phases in one.
  private var epoch: Phase {
    func sum(_ value: (Phase) -> Double) -> Double { phases.map(value).reduce(0, +) }
    return Phase(
      name: "epoch", seconds: epochSeconds, arithmeticCount: sum(\.arithmeticCount),
      byteCount: sum(\.byteCount), secondsAtPeak: sum(\.secondsAtPeak),
      secondsAlone: sum(\.secondsAlone))
  }

  private func line(_ phase: Phase) -> String {
    func column(_ text: String, _ width: Int) -> String {
      String(repeating: " ", count: max(0, width - text.count)) + text
    }
    func percent(_ part: Double, of whole: Double) -> String {
      part > 0 ? String(format: "%.0f %%", 100 * part / whole) : "-"
    }
    func billions(_ value: Double) -> String {
      value > 0 ? String(format: "%.1f", value / 1e9) : "-"
    }
    return phase.name.padding(toLength: 12, withPad: " ", startingAt: 0)
      + column(secondsText(phase.seconds), 10)
      + column(percent(phase.seconds, of: epochSeconds), 11)
      + column(billions(phase.arithmeticCount), 12) + column(billions(phase.byteCount), 12)
      + column(billions(phase.arithmeticCount / Double(rankCount) / phase.seconds), 11)
      + column(percent(phase.secondsAtPeak, of: phase.seconds), 11)
      + column(percent(phase.secondsAlone, of: phase.seconds), 11)
  }
}
