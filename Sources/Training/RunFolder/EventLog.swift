import Foundation
import Images
import TensorBoard

/// Writes what `metrics.jsonl` has, pictures and histograms for TensorBoard, against optimiser steps.
///
/// A run does not end because its log cannot be written: the first failure is told, once.
final class EventLog {
  private var writer: EventFileWriter?
  private let now: () -> Date
  private let warn: (String) -> Void
  private var hasWarned = false

  /// Begins a file after those that are in `folder`.
  ///
  /// - Parameters:
  ///   - step: The step of the checkpoint that the run goes on from: TensorBoard drops what it has of
  ///     later ones. `nil` removes the files of an earlier run.
  ///   - warn: Is told of the first failure.
  init(
    folder: String, resumingAt step: Int?, now: @escaping () -> Date = { .now },
    warn: @escaping (String) -> Void
  ) {
    self.now = now
    self.warn = warn
    surviving {
      if step == nil { try EventFileWriter.removeFiles(in: folder) }
      writer = try EventFileWriter(folder: folder, now: now())
    }
    if let step { write(.start, step: step + 1) }
  }

  /// Adds the numbers of a record.
  func write(_ record: MetricsRecord) {
    switch record {
    case .step(let record): write(.summary(Self.values(of: record)), step: record.step)
    case .evaluation(let record):
      write(
        .summary(
          [
            SummaryValue("evaluation/\(record.set)/reward", record.reward),
            SummaryValue("evaluation/\(record.set)/standard_error", record.standardError),
          ] + Self.values(of: record.components, under: "evaluation/\(record.set)/rewards")),
        step: record.step)
    case .checkpoint(let record):
      write(
        .summary([
          SummaryValue("checkpoint/bytes", Double(record.bytes)),
          SummaryValue("checkpoint/seconds", record.seconds),
          SummaryValue("checkpoint/seconds_blocked", record.secondsBlocked),
        ]), step: record.step)
    case .start: break
    }
  }

  /// Adds a grid of samples.
  func write(_ grid: Image, ofSamplesFrom set: String, step: Int) {
    guard writer != nil else { return }
    surviving {
      let image = EncodedImage(width: grid.width, height: grid.height, png: try grid.pngData())
      write(.summary([SummaryValue("samples/\(set)", .image(image))]), step: step)
    }
  }

  /// Adds the log-ratios of a step.
  ///
  /// - Parameters:
  ///   - toOld: delta_it, of each trajectory and time step, to the policy that drew the trajectory.
  ///   - toReference: u_i, of each trajectory, to the policy that the run started from.
  func write(logRatiosToOld toOld: Histogram, toReference: Histogram, step: Int) {
    write(
      .summary([
        SummaryValue("train/log_ratio", .histogram(toOld)),
        SummaryValue("train/log_ratio_to_reference", .histogram(toReference)),
      ]), step: step)
  }

  /// What each reward says, in the order of their names.
  private static func values(of components: [String: JSONNumber], under group: String)
    -> [SummaryValue]
  {
    components.sorted { $0.key < $1.key }.map {
      SummaryValue("\(group)/\($0.key)", $0.value.wrappedValue)
    }
  }

  private static func values(of record: MetricsRecord.Step) -> [SummaryValue] {
    [
      SummaryValue("train/loss", record.loss),
      SummaryValue("train/gradient_norm", record.gradientNorm),
      SummaryValue("train/clip_fraction", record.clipFraction),
      SummaryValue("train/tied_pair_fraction", record.tiedPairFraction),
      SummaryValue("train/learning_rate", record.learningRate),
      SummaryValue("train/reward/mean", record.rewardMean),
      SummaryValue("train/reward/deviation", record.rewardDeviation),
      SummaryValue("train/missing_scores", Double(record.missingScores)),
      SummaryValue("kl/trained_steps", record.kl),
      SummaryValue("kl/all_steps", record.klAllSteps),
      SummaryValue("progress/epoch", Double(record.epoch)),
      SummaryValue("progress/images", Double(record.images)),
      SummaryValue("time/sample", record.seconds.sample),
      SummaryValue("time/reward", record.seconds.reward),
      SummaryValue("time/reference", record.seconds.reference),
      SummaryValue("time/gradient", record.seconds.gradient),
      SummaryValue("time/communicate", record.seconds.communicate),
      SummaryValue("time/update", record.seconds.update),
    ] + values(of: record.components, under: "reward")
  }

  private func write(_ content: Event.Content, step: Int) {
    surviving {
      try writer?.write(
        Event(wallTime: now().timeIntervalSince1970, step: step, content: content))
    }
  }

  private func surviving(_ body: () throws -> Void) {
    do {
      try body()
    } catch {
      guard !hasWarned else { return }
      hasWarned = true
      warn("\(error): training goes on, and TensorBoard does not see all of it")
    }
  }
}
