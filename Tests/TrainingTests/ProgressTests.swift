import ClusterConfiguration
import Testing

@testable import Training

struct ProgressTests {
  /// A display, what it wrote, and its clock.
  private final class Screen {
    var text = ""
    var time = 0.0
    var columnCount = 100

    func display(
      _ mode: RunConfiguration.Logging.Progress, lineEveryEpochs: Int = 1
    ) -> ProgressDisplay {
      ProgressDisplay(
        mode, epochCount: 60, evaluationEveryEpochs: 0, lineEveryEpochs: lineEveryEpochs,
        sink: { [unowned self] in text += $0 },
        columnCount: { [unowned self] in columnCount }, now: { [unowned self] in time })
    }

    /// What stands on the lines after all movements of the cursor, without colours.
    var lines: [String] {
      var lines = [""]
      var rest = text[...]
      while let character = rest.first {
        if rest.starts(with: "\u{1B}["), let end = rest.dropFirst(2).firstIndex(where: \.isLetter) {
          switch rest[rest.index(rest.startIndex, offsetBy: 2)...end] {
          case "2K": lines[lines.count - 1] = ""
          case "1A": lines.removeLast()
          default: break
          }
          rest = rest[rest.index(after: end)...]
        } else {
          if character == "\n" { lines.append("") }
          if character != "\n" && character != "\r" { lines[lines.count - 1].append(character) }
          rest.removeFirst()
        }
      }
      return lines
    }
  }

  @Test func plainIsALineAnEpoch() {
    let screen = Screen()
    let display = screen.display(.plain)
    display.begin("evaluating unseen", epoch: 0, of: 512)
    display.advance(by: 512)
    display.endEvaluation(
      .before, set: "unseen", reward: 0.715, standardError: 0.004, imageCount: 512, seconds: 10)
    for (epoch, reward) in [(1, 0.7241), (2, 0.7423)] {
      display.begin("sampling", epoch: epoch, of: 128)
      display.endEpoch(epoch, rewardMean: reward, kl: 1.4, imageCount: 128, seconds: 4)
    }
    display.note("checkpoint saved")
    display.endEvaluation(
      .after, set: "unseen", reward: 0.7681, standardError: 0.004, imageCount: 512, seconds: 10)
    display.finish()
    #expect(
      screen.text == """
        evaluation before  unseen          reward 0.7150 ± 0.0040  512 images
        epoch  1/60  reward 0.7241 (+0.0000)  KL 1.40 nats  32.0 images/s  4 min 06 s left
        epoch  2/60  reward 0.7423 (+0.0182)  KL 1.40 nats  32.0 images/s  4 min 02 s left
        checkpoint saved
        evaluation after   unseen          reward 0.7681 ± 0.0040  +0.0531  512 images

        """)
  }

  @Test func plainLinesCanBeRarer() {
    let screen = Screen()
    let display = screen.display(.plain, lineEveryEpochs: 25)
    for epoch in 1...60 {
      display.endEpoch(epoch, rewardMean: 0.5, kl: 0, imageCount: 128, seconds: 4)
    }
    #expect(
      screen.lines.map { String($0.prefix(11)) } == [
        "epoch 25/60", "epoch 50/60", "epoch 60/60", "",
      ])
    #expect(screen.text.hasSuffix("images/s\n"))
  }

  @Test func liveRewritesTwoLines() {
    let screen = Screen()
    let display = screen.display(.live)
    display.begin("evaluating unseen", epoch: 0, of: 512)
    #expect(screen.lines == ["────────────────────────────────  evaluating unseen 0/512"])
    display.endEvaluation(
      .before, set: "unseen", reward: 0.715, standardError: 0.004, imageCount: 512, seconds: 10)
    display.begin("sampling", epoch: 1, of: 128)
    display.endEpoch(1, rewardMean: 0.7241, kl: 0, imageCount: 128, seconds: 4)
    display.begin("sampling", epoch: 2, of: 128)
    screen.time = 1
    display.advance(by: 34)
    let evaluation = "evaluation before  unseen          reward 0.7150 ± 0.0040  512 images"
    let figures = "reward 0.7241 (+0.0000)  ▁  KL 0.00 nats  32.0 images/s  4 min 05 s left"
    #expect(
      screen.lines == [
        evaluation, "epoch 2/60  ━━━━━━━━╸───────────────────────  sampling 34/128", figures,
      ])
    // Not a tenth of a second later: not drawn.
    screen.time = 1.05
    display.advance(by: 30)
    #expect(screen.lines[1].hasSuffix("34/128"))
    display.note("a note")
    #expect(
      screen.lines == [
        evaluation, "a note", "epoch 2/60  ━━━━━━━━━━━━━━━━────────────────  sampling 64/128",
        figures,
      ])
    display.endEpoch(2, rewardMean: 0.7423, kl: 1.4, imageCount: 128, seconds: 4)
    #expect(screen.lines[3].contains("(+0.0182)  ▁█  KL 1.40 nats"))
    display.finish()
    #expect(
      screen.lines == [
        evaluation, "a note",
        "epoch  2/60  reward 0.7423 (+0.0182)  KL 1.40 nats  32.0 images/s  4 min 02 s left", "",
      ])
  }

  @Test func liveLinesAreCutToTheTerminal() {
    let screen = Screen()
    let display = screen.display(.live)
    screen.columnCount = 40
    display.begin("evaluating unseen-pairs", epoch: 12, of: 512)
    display.endEpoch(12, rewardMean: 0.7241, kl: 0, imageCount: 128, seconds: 4)
    #expect(screen.lines.map(\.count) == [39, 39])
  }

  @Test func noneShowsNothing() {
    let screen = Screen()
    let display = screen.display(.none)
    display.begin("sampling", epoch: 1, of: 128)
    display.endEpoch(1, rewardMean: 0.7, kl: 0, imageCount: 128, seconds: 4)
    display.endEvaluation(
      .after, set: "seen", reward: 0.7, standardError: 0, imageCount: 512, seconds: 1)
    display.note("a note")
    display.finish()
    #expect(screen.text.isEmpty)
  }

  @Test func timeLeftCountsEpochsAndEvaluations() {
    var estimate = RemainingTime(epochCount: 20, evaluationEveryEpochs: 5)
    estimate.endEvaluation(of: "seen", seconds: 30)
    estimate.endEvaluation(of: "unseen", seconds: 20)
    #expect(estimate.seconds(at: 0) == nil)
    for epoch in 1...4 {
      estimate.endEpoch(epoch, seconds: Double(epoch) * 2, at: 100)
    }
    // 16 epochs of (2 + 4 + 6 + 8) / 4 = 5 seconds, evaluations of 50 after 5, 10, 15 and 20.
    #expect(estimate.seconds(at: 100) == 280)
    #expect(estimate.seconds(at: 103) == 277)
    estimate.endEpoch(20, seconds: 5, at: 400)
    // The last evaluation is still to come, and takes no longer than it takes.
    #expect(estimate.seconds(at: 410) == 40)
    #expect(estimate.seconds(at: 500) == 0)
  }

  @Test func onlyTheLastEpochsCount() {
    var estimate = RemainingTime(epochCount: 100, evaluationEveryEpochs: 0)
    for epoch in 1...20 { estimate.endEpoch(epoch, seconds: epoch <= 10 ? 100 : 1, at: 0) }
    #expect(estimate.seconds(at: 0) == 80)
  }

  @Test(
    arguments: [
      (-1, "0 s"), (45.4, "45 s"), (59.6, "1 min 00 s"), (250, "4 min 10 s"), (7500, "2 h 05 min"),
      (360_000, "4 d 4 h"), (.infinity, "unknown"),
    ] as [(Double, String)])
  func durationsHaveTwoUnits(seconds: Double, text: String) {
    #expect(ProgressText.duration(seconds) == text)
  }

  @Test(
    arguments: [
      (0, "────"), (0.125, "╸───"), (0.5, "━━──"), (0.7, "━━╸─"), (1, "━━━━"), (7, "━━━━"),
      (.zero / .zero, "────"),
    ] as [(Double, String)])
  func barsGrowByHalfACharacter(fraction: Double, text: String) {
    let bar = ProgressText.bar(fraction, width: 4)
    #expect(bar.done + bar.rest == text)
  }

  @Test func curvesSpanTheirValues() {
    #expect(ProgressText.curve([0, 1, 0.5, .nan, 0.25]) == "▁█▅▃")
    #expect(ProgressText.curve([3, 3]) == "▁▁")
    #expect(ProgressText.curve([]) == "")
  }
}
