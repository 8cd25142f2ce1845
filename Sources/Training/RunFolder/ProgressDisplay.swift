import ClusterConfiguration
import Foundation

/// What rank 0 shows of a run.
///
/// Live, two lines at the bottom of a terminal are rewritten in place:
///
///     epoch 12/60  ━━━━━━━━━━━━━━━━━━━━━━╸─────────  sampling 92/128
///     reward 0.7423 (+0.0182)  ▁▂▂▃▅▆▆█  KL 1.40 nats  9.8 images/s  4 min 10 s left
///
/// Plain, for logs, there is a line an epoch. Evaluations and notes are lines that stay, in both.
final class ProgressDisplay {
  private let mode: RunConfiguration.Logging.Progress
  private var estimate: RemainingTime
  private let epochCount: Int
  private let lineEveryEpochs: Int
  private let sink: (String) -> Void
  private let columnCount: () -> Int
  private let now: () -> Double

  private var epoch = 0
  private var phase = ""
  private var doneCount = 0
  private var totalCount = 0
  private var rewards: [Double] = []
  private var startReward: Double?
  private var startEvaluations: [String: Double] = [:]
  private var kl = Double.nan
  private var imagesPerSecond = Double.nan
  private var drawnLineCount = 0
  private var lastDrawing = -Double.infinity

  private static let secondsBetweenDrawings = 0.1
  private static let curveLength = 16

  /// A display on standard output.
  ///
  /// - Parameters:
  ///   - epochCount: Epochs of the run, resumed or not.
  ///   - evaluationEveryEpochs: Epochs between evaluations; 0: only before the first and after the
  ///     last.
  ///   - lineEveryEpochs: Epochs between plain lines; at least 1.
  convenience init(
    _ mode: RunConfiguration.Logging.Progress, epochCount: Int, evaluationEveryEpochs: Int,
    lineEveryEpochs: Int = 1
  ) {
    let isLive = Terminal.isLive(environment: ProcessInfo.processInfo.environment)
    self.init(
      mode == .auto ? (isLive ? .live : .plain) : mode, epochCount: epochCount,
      evaluationEveryEpochs: evaluationEveryEpochs, lineEveryEpochs: lineEveryEpochs,
      sink: Terminal.write, columnCount: { Terminal.columnCount },
      now: { ProcessInfo.processInfo.systemUptime })
  }

  /// A display that writes to `sink`, on lines of `columnCount` characters, by the clock `now`.
  init(
    _ mode: RunConfiguration.Logging.Progress, epochCount: Int, evaluationEveryEpochs: Int,
    lineEveryEpochs: Int, sink: @escaping (String) -> Void, columnCount: @escaping () -> Int,
    now: @escaping () -> Double
  ) {
    precondition(lineEveryEpochs >= 1, "lines come every so many epochs")
    self.mode = mode
    self.epochCount = epochCount
    self.lineEveryEpochs = lineEveryEpochs
    self.sink = sink
    self.columnCount = columnCount
    self.now = now
    estimate = RemainingTime(epochCount: epochCount, evaluationEveryEpochs: evaluationEveryEpochs)
  }

  /// Shows that a part of the run begins.
  ///
  /// - Parameters:
  ///   - phase: What is done, such as "sampling".
  ///   - epoch: The epoch it is done in, counted from 1; 0 before the first.
  ///   - totalCount: How many images or passes it takes.
  func begin(_ phase: String, epoch: Int, of totalCount: Int) {
    self.phase = phase
    self.epoch = epoch
    self.totalCount = totalCount
    doneCount = 0
    draw()
  }

  /// Shows that `count` more of the part's images or passes are done.
  func advance(by count: Int = 1) {
    doneCount += count
    if now() - lastDrawing >= Self.secondsBetweenDrawings { draw() }
  }

  /// Shows how an epoch went.
  ///
  /// - Parameters:
  ///   - rewardMean: The mean reward of the epoch's images.
  ///   - kl: The divergence from the reference in nats.
  ///   - imageCount: The epoch's images, over all ranks.
  ///   - seconds: Its wall-clock time, evaluations left out.
  func endEpoch(
    _ epoch: Int, rewardMean: Double, kl: Double, imageCount: Int, seconds: Double
  ) {
    self.epoch = epoch
    self.kl = kl
    startReward = startReward ?? rewardMean
    rewards.append(rewardMean)
    imagesPerSecond = Double(imageCount) / seconds
    estimate.endEpoch(epoch, seconds: seconds, at: now())
    if mode == .plain, epoch % lineEveryEpochs == 0 || epoch == epochCount {
      sink(epochLine.plain + "\n")
    }
    draw()
  }

  /// Shows the reward on a set of prompts, and how it changed since the evaluation before training.
  ///
  /// - Parameters:
  ///   - seconds: The wall-clock time it took.
  ///   - heldOut: What held-out rewards say, each on a line of its own.
  func endEvaluation(
    _ phase: EvaluationPhase, set: String, reward: Double, standardError: Double,
    imageCount: Int, seconds: Double, heldOut: [(name: String, value: RewardMean)] = []
  ) {
    estimate.endEvaluation(of: set, seconds: seconds)
    if phase == .before { startEvaluations[set] = reward }
    var line = ProgressLine()
    line.append("evaluation \(phase.rawValue.padded(to: 6))  \(set.padded(to: 14))  ")
    line.append("reward \(ProgressText.number(reward, digits: 4))", .bold)
    line.append(" ± \(ProgressText.number(standardError, digits: 4))")
    if phase != .before, let start = startEvaluations[set] {
      line.append("  ")
      line.appendChange(reward - start)
    }
    line.append("  \(imageCount) images")
    keep(line)
    for (name, value) in heldOut {
      note(
        String(repeating: " ", count: 35) + "\(name) \(ProgressText.number(value.mean, digits: 4))"
          + " ± \(ProgressText.number(value.standardError, digits: 4))")
    }
  }

  /// Shows a line of text that stays.
  func note(_ text: String) {
    var line = ProgressLine()
    line.append(text)
    keep(line)
  }

  /// Shows what a person should know and the run survives; also where nothing else is shown, then
  /// on standard error.
  func warn(_ text: String) {
    guard mode == .none else { return note("warning: \(text)") }
    try? FileHandle.standardError.write(contentsOf: Data("warning: \(text)\n".utf8))
  }

  /// Takes the live lines away and leaves the last epoch's.
  func finish() {
    guard drawnLineCount > 0 else { return }
    let line = rewards.isEmpty ? "" : epochLine.colored(width: columnCount()) + "\n"
    sink(erasure + line)
    drawnLineCount = 0
  }

  // MARK: - Lines

  /// An epoch's number and figures.
  private var epochLine: ProgressLine {
    var line = ProgressLine()
    let width = "\(epochCount)".count
    line.append("epoch \(String(repeating: " ", count: width - min(width, "\(epoch)".count)))")
    line.append("\(epoch)/\(epochCount)  ")
    line.append(figures(withCurve: false))
    return line
  }

  private func figures(withCurve: Bool) -> ProgressLine {
    var line = ProgressLine()
    guard let reward = rewards.last, let startReward else { return line }
    line.append("reward \(ProgressText.number(reward, digits: 4))", .bold)
    line.append(" (")
    line.appendChange(reward - startReward)
    line.append(")  ")
    if withCurve {
      line.append("\(ProgressText.curve(rewards.suffix(Self.curveLength)))  ", .green)
    }
    line.append("KL \(ProgressText.number(kl, digits: 2)) nats  ")
    line.append("\(ProgressText.number(imagesPerSecond, digits: 1)) images/s")
    if let seconds = estimate.seconds(at: now()), seconds >= 1 {
      line.append("  \(ProgressText.duration(seconds)) left")
    }
    return line
  }

  private var phaseLine: ProgressLine {
    var line = ProgressLine()
    if epoch > 0 { line.append("epoch \(epoch)/\(epochCount)  ", .bold) }
    let fraction = totalCount > 0 ? Double(doneCount) / Double(totalCount) : 0
    let bar = ProgressText.bar(fraction, width: min(32, max(8, columnCount() - 48)))
    line.append(bar.done, .green)
    line.append(bar.rest, .faint)
    line.append("  \(phase) \(doneCount)/\(totalCount)")
    return line
  }

  // MARK: - Writing

  private func keep(_ line: ProgressLine) {
    switch mode {
    case .live:
      // Not cut: a line that stays may be longer than the terminal is wide.
      sink(erasure + line.colored(width: .max) + "\n")
      drawnLineCount = 0
      draw()
    case .plain: sink(line.plain + "\n")
    case .auto, .none: break
    }
  }

  private func draw() {
    guard mode == .live, !phase.isEmpty else { return }
    // A character less than there is room for: some terminals begin a new line at the last one.
    let width = columnCount() - 1
    let lines = [phaseLine, figures(withCurve: true)].map { $0.colored(width: width) }
      .filter { !$0.isEmpty }
    sink(erasure + lines.joined(separator: "\n"))
    drawnLineCount = lines.count
    lastDrawing = now()
  }

  /// Brings the cursor to the start of the live lines and clears them.
  private var erasure: String {
    drawnLineCount == 0
      ? "" : "\r\u{1B}[2K" + String(repeating: "\u{1B}[1A\u{1B}[2K", count: drawnLineCount - 1)
  }
}

extension ProgressLine {
  fileprivate mutating func append(_ line: ProgressLine) {
    for (text, style) in line.parts { append(text, style) }
  }

  /// A difference, green where it is a gain.
  fileprivate mutating func appendChange(_ change: Double) {
    append(ProgressText.change(change), change > 0 ? .green : change < 0 ? .red : .plain)
  }
}

extension String {
  fileprivate func padded(to width: Int) -> String {
    self + String(repeating: " ", count: max(0, width - count))
  }
}
