import Foundation
import Images
import TensorBoard
import Testing

@testable import Training

@Suite(.serialized) struct EventLogTests {
  private func step(_ step: Int, loss: Double = 0.25) -> MetricsRecord {
    .step(
      MetricsRecord.Step(
        epoch: 1, inner: 1, step: step, loss: loss, gradientNorm: 2, clipFraction: 0.5,
        tiedPairFraction: 0.125, rewardMean: 0.75, rewardDeviation: 0.1,
        components: ["a": JSONNumber(wrappedValue: 1.5)], missingScores: 2, kl: 3, klAllSteps: 4,
        learningRate: 5e-05, images: 128, seconds: MetricsRecord.Seconds()))
  }

  /// The values of a run, by tag, with their steps.
  private func values(in folder: String) throws -> [String: [Int: SummaryValue.Content]] {
    var values: [String: [Int: SummaryValue.Content]] = [:]
    for event in try EventFile.joined(folder: folder) {
      guard case .summary(let summary) = event.content else { continue }
      for value in summary { values[value.tag, default: [:]][event.step] = value.content }
    }
    return values
  }

  @Test func everyRecordIsThereUnderTheNameThatTensorBoardGroups() throws {
    try withScratchFolder { folder in
      let log = EventLog(
        folder: folder, resumingAt: nil, now: { Date(timeIntervalSince1970: 1000) }
      ) { _ in Issue.record("a warning") }
      log.write(step(1))
      log.write(
        .evaluation(
          MetricsRecord.Evaluation(
            epoch: 0, step: 1, set: "unseen", reward: 0.5,
            components: ["a": JSONNumber(wrappedValue: -2)], count: 512, missingScores: 1,
            standardError: 0.25,
            phase: .during)))
      log.write(
        .checkpoint(
          MetricsRecord.Checkpoint(step: 1, bytes: 64, secondsBlocked: 0.5, seconds: 2)))
      log.write(
        Image(width: 2, height: 1, pixels: [1, 2, 3, 4, 5, 6]), ofSamplesFrom: "unseen", step: 1)
      log.write(
        logRatiosToOld: Histogram([0, 0.5]), toReference: Histogram([-1]), step: 1)
      let values = try values(in: folder)
      let scalars = values.compactMapValues { points -> Float? in
        if case .scalar(let value)? = points[1] { value } else { nil }
      }
      #expect(
        scalars == [
          "train/loss": 0.25, "train/gradient_norm": 2, "train/clip_fraction": 0.5,
          "train/tied_pair_fraction": 0.125, "train/learning_rate": 5e-05,
          "train/reward/mean": 0.75, "train/reward/deviation": 0.1, "reward/a": 1.5,
          "train/missing_scores": 2, "evaluation/unseen/rewards/a": -2, "kl/trained_steps": 3,
          "kl/all_steps": 4, "progress/epoch": 1, "progress/images": 128, "time/sample": 0,
          "time/reward": 0, "time/reference": 0, "time/gradient": 0, "time/communicate": 0,
          "time/update": 0, "evaluation/unseen/reward": 0.5,
          "evaluation/unseen/standard_error": 0.25, "checkpoint/bytes": 64,
          "checkpoint/seconds": 2, "checkpoint/seconds_blocked": 0.5,
        ])
      guard case .image(let image)? = values["samples/unseen"]?[1] else {
        Issue.record("no image")
        return
      }
      #expect(image.width == 2 && image.height == 1)
      #expect(try Image(png: image.png).pixels == [1, 2, 3, 4, 5, 6])
      #expect(values["train/log_ratio"]?[1] == .histogram(Histogram([0, 0.5])))
      #expect(values["train/log_ratio_to_reference"]?[1] == .histogram(Histogram([-1])))
    }
  }

  @Test func aResumedLogGoesOnInAFileOfItsOwnAndANewOneStartsAfresh() throws {
    try withScratchFolder { (folder: String) throws in
      func log(_ step: Int?) -> EventLog {
        EventLog(folder: folder, resumingAt: step) { _ in Issue.record("a warning") }
      }
      let first = log(nil)
      for index in 1...4 { first.write(step(index, loss: 1)) }
      let second = log(2)
      second.write(step(3, loss: 2))
      #expect(try names(in: folder).count == 2)
      #expect(
        try values(in: folder)["train/loss"] == [1: .scalar(1), 2: .scalar(1), 3: .scalar(2)])
      let new = log(nil)
      new.write(step(1, loss: 3))
      #expect(try names(in: folder).count == 1)
      #expect(try values(in: folder)["train/loss"] == [1: .scalar(3)])
    }
  }

  @Test func aLogThatCannotBeWrittenIsToldOnceAndEndsNothing() throws {
    try withScratchFolder { folder in
      let path = "\(folder)/tensorboard"
      try write("a file".utf8, to: path)
      let warnings = Warnings()
      let log = EventLog(folder: path, resumingAt: nil, warn: warnings.add)
      for index in 1...3 { log.write(step(index)) }
      #expect(warnings.texts.count == 1)
      #expect(warnings.texts[0].hasPrefix("\(path): expected "))
      #expect(
        warnings.texts[0].hasSuffix(": training goes on, and TensorBoard does not see all of it"))
    }
  }

  @Test func aRunShowsTheLogRatiosOfEachStep() throws {
    try withScratchFolder { folder in
      var configuration = try DebugFixture.configuration(in: folder)
      let trainer = try Trainer(
        configuration, communicator: DebugFixture.world(), device: .cpu, resume: .never)
      #expect(try trainer.run() == .completed)
      let values = try values(in: "\(configuration.run.output)/tensorboard")
      #expect(values["train/loss"]?.keys.sorted() == Array(1...6))
      func histogram(_ tag: String, _ step: Int) throws -> Histogram {
        guard case .histogram(let histogram)? = values[tag]?[step] else {
          throw TrainingError(tag, expected: "a histogram of step \(step)", found: "none")
        }
        return histogram
      }
      let method = configuration.method
      let trajectoryCount = method.promptsPerEpoch * method.imagesPerPrompt
      let stepCount = configuration.sampler.steps - method.omitLastSteps
      for step in 1...6 {
        let toOld = try histogram("train/log_ratio", step)
        #expect(toOld.counts.reduce(0, +) == Double(trajectoryCount * stepCount))
        // At an epoch's first step the trained policy is the old one.
        let isFirst = (step - 1) % method.innerSteps == 0
        #expect((toOld.least == 0 && toOld.greatest == 0) == isFirst, "step \(step)")
        let toReference = try histogram("train/log_ratio_to_reference", step)
        #expect(toReference.counts.reduce(0, +) == Double(trajectoryCount))
        #expect((toReference.greatest == 0) == (step == 1), "step \(step)")
      }

      configuration.logging.tensorboard = false
      configuration.run.output = "\(folder)/without"
      let silent = try Trainer(
        configuration, communicator: DebugFixture.world(), device: .cpu, resume: .never)
      #expect(try silent.run() == .completed)
      #expect(try !names(in: configuration.run.output).contains("tensorboard"))
    }
  }
}
