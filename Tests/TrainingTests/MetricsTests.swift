import Foundation
import Testing

@testable import Training

struct MetricsTests {
  private func step(_ step: Int, loss: Double = 0.25) -> MetricsRecord {
    var seconds = MetricsRecord.Seconds()
    seconds.sample = 1.5
    return .step(
      MetricsRecord.Step(
        epoch: 1, inner: 1, step: step, loss: loss, gradientNorm: 2, clipFraction: 0,
        tiedPairFraction: 0.125, rewardMean: 0.7, rewardDeviation: 0.1,
        components: ["pick": JSONNumber(wrappedValue: 0.2), "b": JSONNumber(wrappedValue: .nan)],
        missingScores: 3, kl: 0, klAllSteps: 0,
        learningRate: 5e-05, images: 128, seconds: seconds))
  }

  private func evaluation(step: Int, _ phase: EvaluationPhase) -> MetricsRecord {
    .evaluation(
      MetricsRecord.Evaluation(
        epoch: 0, step: step, set: "unseen", reward: 0.7, components: [:], count: 512,
        missingScores: 0, standardError: 0.005, phase: phase))
  }

  @Test func aRecordIsACompactLine() throws {
    try withScratchFolder { folder in
      let path = "\(folder)/metrics.jsonl"
      let writer = try MetricsWriter(path: path, resumingAt: nil) { _ in }
      writer.write(evaluation(step: 0, .before))
      writer.write(step(1, loss: .nan))
      // Read while the writer is open: a line is there as soon as it is written.
      #expect(
        try text(of: path) == """
          {"components":{},"count":512,"epoch":0,"kind":"evaluation","missingScores":0,\
          "phase":"before","reward":0.7,"set":"unseen","standardError":0.005,"step":0}
          {"clipFraction":0,"components":{"b":null,"pick":0.2},"epoch":1,"gradientNorm":2,"images":128,"inner":1,"kind":"step",\
          "kl":0,"klAllSteps":0,"learningRate":5e-05,"loss":null,"missingScores":3,\
          "rewardDeviation":0.1,"rewardMean":0.7,"seconds":{"communicate":0,"gradient":0,"reference":0,"reward":0,\
          "sample":1.5,"scoring":0,"update":0},"step":1,"tiedPairFraction":0.125}

          """)
      withExtendedLifetime(writer) {}
    }
  }

  @Test func resumingDropsWhatCameAfterTheCheckpoint() throws {
    try withScratchFolder { folder in
      let path = "\(folder)/metrics.jsonl"
      let whole = try MetricsWriter(path: path, resumingAt: nil) { _ in }
      whole.write(evaluation(step: 0, .before))
      for index in 1...2 { whole.write(step(index)) }
      let kept = try text(of: path)
      whole.write(evaluation(step: 2, .after))
      whole.write(step(3))
      whole.write(evaluation(step: 3, .after))
      try write(contents(of: path) + Data(#"{"kind":"step","ste"#.utf8), to: path)

      let resumed = try MetricsWriter(path: path, resumingAt: 2) { _ in }
      #expect(try text(of: path) == kept)
      resumed.write(step(3))
      #expect(try text(of: path).split(separator: "\n").count == 4)
      #expect(try names(in: folder) == ["metrics.jsonl"])
      _ = try MetricsWriter(path: path, resumingAt: nil) { _ in }
      #expect(try text(of: path).isEmpty)
    }
  }

  @Test func resumingDropsAnEvaluationThatIsMadeAgain() throws {
    try withScratchFolder { folder in
      let path = "\(folder)/metrics.jsonl"
      let whole = try MetricsWriter(path: path, resumingAt: nil) { _ in }
      whole.write(evaluation(step: 0, .before))
      whole.write(step(1))
      let kept = try text(of: path)
      whole.write(evaluation(step: 1, .during))
      _ = try MetricsWriter(path: path, resumingAt: 1) { _ in }
      #expect(try text(of: path) != kept)
      _ = try MetricsWriter(path: path, resumingAt: 1, redoingEvaluation: true) { _ in }
      #expect(try text(of: path) == kept)
    }
  }

  @Test func aStartStaysWhereTheRunGoesOnFromIt() throws {
    try withScratchFolder { folder in
      let path = "\(folder)/metrics.jsonl"
      func start(_ step: Int) -> MetricsRecord {
        .start(MetricsRecord.Start(step: step, time: "2026-11-23T07:30:00Z", ranks: 2))
      }
      let first = try MetricsWriter(path: path, resumingAt: nil) { _ in }
      first.write(start(0))
      first.write(step(1))
      let resumed = try MetricsWriter(path: path, resumingAt: 1) { _ in }
      resumed.write(start(1))
      _ = try MetricsWriter(path: path, resumingAt: 1) { _ in }
      let lines = try text(of: path).split(separator: "\n")
      #expect(lines.count == 3)
      #expect(lines[2] == #"{"kind":"start","ranks":2,"step":1,"time":"2026-11-23T07:30:00Z"}"#)
    }
  }

  @Test func resumingWithoutAFileStartsOne() throws {
    try withScratchFolder { folder in
      let writer = try MetricsWriter(path: "\(folder)/metrics.jsonl", resumingAt: 7) { _ in }
      writer.write(step(8))
      #expect(try text(of: "\(folder)/metrics.jsonl").hasSuffix("}\n"))
    }
  }

  @Test func aFullDiskIsToldOnceAndEndsNothing() throws {
    let warnings = Warnings()
    let writer = try MetricsWriter(path: "/dev/full", resumingAt: nil, warn: warnings.add)
    for index in 1...3 { writer.write(step(index)) }
    #expect(
      warnings.texts == [
        "/dev/full: expected to write a line, found 'No space left on device': "
          + "training goes on, and records are lost"
      ])
  }

  @Test func recordsThatDoNotReachTheDiskAreToldOfOnce() throws {
    let warnings = Warnings()
    // A device has no disk to reach.
    let writer = try MetricsWriter(path: "/dev/null", resumingAt: nil, warn: warnings.add)
    for _ in 1...2 { writer.synchronize() }
    #expect(
      warnings.texts == [
        "/dev/null: expected the file to reach the disk, found 'Invalid argument': "
          + "training goes on, and records are lost"
      ])
    try withScratchFolder { folder in
      let writer = try MetricsWriter(
        path: "\(folder)/metrics.jsonl", resumingAt: nil, warn: warnings.add)
      writer.write(step(1))
      writer.synchronize()
    }
    #expect(warnings.texts.count == 1)
  }

  @Test func aFileThatCannotBeOpenedIsNamed() {
    #expect(
      errorText { _ = try MetricsWriter(path: "/nowhere/m", resumingAt: nil) { _ in } }
        == "/nowhere/m: expected a file that can be written, found 'No such file or directory'")
  }

  @Test func theSummaryHasRewardsByPhaseAndSet() throws {
    try withScratchFolder { folder in
      let path = "\(folder)/summary.json"
      let reward = Summary.Reward(mean: 0.72, standardError: 0.005)
      let summary = Summary(
        before: ["seen": reward], after: ["seen": Summary.Reward(mean: .nan, standardError: 0)],
        seconds: 300.5, trainingSeconds: 250, images: 8192, ranks: 2, epochs: 60, steps: 60)
      for _ in 0..<2 { try summary.write(to: path) }
      #expect(
        try text(of: path) == """
          {
            "epochs" : 60,
            "evaluation" : {
              "after" : {
                "seen" : null
              },
              "before" : {
                "seen" : 0.72
              }
            },
            "images" : 8192,
            "ranks" : 2,
            "seconds" : 300.5,
            "standardErrors" : {
              "after" : {
                "seen" : 0
              },
              "before" : {
                "seen" : 0.005
              }
            },
            "steps" : 60,
            "trainingSeconds" : 250
          }

          """)
      #expect(try names(in: folder) == ["summary.json"])
    }
  }
}
