import Foundation
import TestSupport
import Testing

@testable import Reporting

struct RunReportTests {
  /// Eight bytes that every PNG begins with, and some more.
  private static let png = Data([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 1, 2, 3])

  private static let hostile =
    #"</script><script>alert('x')</script><img src=http://a/ onerror="x">"#

  private func step(_ step: Int, reward: Double = 0.5) -> String {
    #"{"kind":"step","epoch":\#(step),"inner":1,"step":\#(step),"loss":1.5,"rewardMean":\#(reward),"#
      + #""rewardDeviation":0.1,"kl":0,"klAllSteps":\#(step),"images":\#(step * 10),"#
      + #""seconds":{"sample":2,"gradient":1}}"#
  }

  private func evaluation(_ step: Int, _ phase: String, _ reward: Double) -> String {
    #"{"kind":"evaluation","epoch":\#(step),"step":\#(step),"set":"unseen","count":64,"#
      + #""reward":\#(reward),"standardError":0.01,"phase":"\#(phase)"}"#
  }

  /// What is read of a folder with these files, and the page of it.
  private func report(_ files: [String: Data]) throws -> (run: RecordedRun, html: String) {
    try withTemporaryFolder { url in
      for (name, contents) in files {
        let file = url.appending(path: name)
        try FileManager.default.createDirectory(
          at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try contents.write(to: file)
      }
      let report = try RunReport(folder: url.path)
      return (report.run, report.html)
    }
  }

  private func report(metrics lines: [String]) throws -> (run: RecordedRun, html: String) {
    try report(["metrics.jsonl": Data(lines.joined(separator: "\n").utf8)])
  }

  private func errorText(_ path: String) -> String? {
    do {
      _ = try RunReport(folder: path)
      return nil
    } catch {
      return "\(error)"
    }
  }

  @Test func aFolderThatIsNoRunIsRefused() throws {
    #expect(
      errorText("/nowhere/run") == "/nowhere/run: expected the folder of a run, found nothing")
    try withTemporaryFolder { url in
      let folder = url.path
      #expect(
        errorText(folder)
          == "\(folder): expected the folder of a run, with metrics.jsonl or config.yaml, found "
          + "neither: name what run.output is in the configuration")
    }
  }

  @Test func stepsThatWereTakenAgainReplaceThoseFromThereOn() throws {
    let run = try report(
      metrics: (1...5).map { step($0, reward: 0.1) } + [evaluation(4, "during", 0.9)]
        + (3...4).map { step($0, reward: 0.2) }
    ).run
    #expect(run.steps.steps == [1, 2, 3, 4])
    #expect(run.steps["rewardMean"] == [0.1, 0.1, 0.2, 0.2])
    #expect(run.evaluations.isEmpty)
  }

  @Test func damagedLinesAreLeftOutAndSaid() throws {
    let report = try report(
      metrics: [
        step(1), "", "not json", #"{"kind":"step"}"#, #"{"kind":"step","step":-3}"#,
        String(repeating: "[", count: 100_000), String(repeating: "x", count: 3 << 20),
        #"{"kind":"of a later version"}"#, #"{"step":7}"#, step(2), #"{"kind":"step","ste"#,
      ])
    #expect(report.run.steps.steps == [1, 2])
    #expect(
      report.run.notes == [
        "metrics.jsonl: 6 lines are no records and left out.", "config.yaml is missing.",
      ])
    #expect(report.html.contains("<p>metrics.jsonl: 6 lines are no records and left out.</p>"))
  }

  @Test func columnsThatComeLaterOrStopAreGapsElsewhere() {
    var table = StepTable()
    table.append(step: 1, ["a": 1])
    table.append(step: 2, ["a": 2, "b": 3])
    table.append(step: 3, ["b": 4])
    #expect(table["a"]?.map(\.isNaN) == [false, false, true])
    #expect(table["b"]?.map(\.isNaN) == [true, false, false])
    #expect(table.last("a") == 2 && table.sum("b") == 7)
    #expect(table["c"] == nil)
  }

  @Test func aPipeInPlaceOfAFileIsNotWaitedFor() throws {
    try withTemporaryFolder { url in
      #expect(mkfifo(url.appending(path: "metrics.jsonl").path, 0o600) == 0)
      let report = try RunReport(folder: url.path)
      #expect(report.run.notes.contains("metrics.jsonl is missing."))
    }
  }

  @Test func nothingOfARunIsMarkup() throws {
    let text = Self.hostile.replacing("\"", with: "\\\"")
    let html = try report([
      "metrics.jsonl": Data(
        """
        {"kind":"step","step":1,"loss":1,"components":{"\(text)":1,"b":2},"seconds":{"\(text)":2}}
        {"kind":"evaluation","step":1,"set":"\(text)","phase":"\(text)","reward":1}
        """.utf8),
      "launch.jsonl": Data(
        #"{"start":"\#(text)","reason":"\#(text)","blamedHosts":["\#(text)"],"status":1}"#.utf8),
      "config.yaml": Data("model:\n  path: \(Self.hostile)\n".utf8),
      "run.json": Data(#"{"id":"\#(text)"}"#.utf8),
      "ledger/1-0.jsonl": Data(#"{"reward":"\#(text)","score":1}"#.utf8),
      "samples/before-<script>x.png": Self.png,
    ]).html
    #expect(!html.lowercased().contains("<script"))
    #expect(!html.contains("<img src=http"))
    #expect(html.contains("&lt;script&gt;alert(&#39;x&#39;)"))
    // The only elements that are not the page's own would be those of the text.
    let names = Set(html.matches(of: #/<([a-z0-9]+)/#).map { String($0.output.1) })
    #expect(
      names.isSubset(of: [
        "html", "head", "meta", "title", "style", "body", "main", "header", "h1", "h2", "h3", "p",
        "dl", "div", "dt", "dd", "section", "table", "thead", "tbody", "tr", "th", "td", "small",
        "figure", "figcaption", "span", "svg", "path", "text", "circle", "rect", "img", "details",
        "summary", "pre",
      ]))
    // Nothing is fetched from elsewhere.
    #expect(!html.contains(#/(src|href)="(?!data:)/#))
    #expect(html.contains("default-src 'none'"))
  }

  @Test func numbersOfAnySizeAreDrawnSomewhere() throws {
    let numbers = [
      "1e308", "-1e308", "1e-320", "0", "-0.0", "9223372036854775807", "1e999", "true",
    ]
    let lines = numbers.flatMap { number in
      [
        #"{"kind":"step","step":1,"loss":\#(number),"epoch":\#(number),"images":\#(number),"#
          + #""rewardMean":\#(number),"rewardDeviation":\#(number),"seconds":{"sample":\#(number)}}"#,
        #"{"kind":"step","step":\#(number),"loss":\#(number)}"#,
        #"{"kind":"evaluation","step":\#(number),"set":"a","reward":\#(number),"count":\#(number),"#
          + #""standardError":\#(number)}"#,
        #"{"kind":"checkpoint","step":\#(number),"bytes":\#(number),"secondsBlocked":\#(number)}"#,
        #"{"kind":"start","step":\#(number),"ranks":\#(number)}"#,
      ]
    }
    // As many orders as it takes to have each number first and last.
    for start in numbers.indices {
      let rotated = lines[(start * 5)...] + lines[..<(start * 5)]
      #expect(try report(metrics: Array(rotated)).html.hasSuffix("</html>\n"))
    }
  }

  @Test func theSameFolderGivesTheSamePage() throws {
    try withTemporaryFolder { url in
      let lines = (1...30).map { step($0) } + [evaluation(0, "before", 0.4)]
      try Data(lines.joined(separator: "\n").utf8).write(to: url.appending(path: "metrics.jsonl"))
      #expect(try RunReport(folder: url.path).html == RunReport(folder: url.path).html)
    }
  }

  @Test func thousandsOfStepsMakeASmallPage() throws {
    let report = try report(
      metrics: (1...10_000).map { step($0, reward: sin(Double($0) / 50)) })
    #expect(report.run.steps.steps.count == 10_000)
    #expect(report.html.utf8.count < 150_000)
    #expect(report.html.contains("after 10,000 optimiser steps"))
  }

  @Test func manyGridsAreThinnedEvenly() throws {
    var files = ["metrics.jsonl": Data(step(1).utf8)]
    for epoch in 1...40 {
      files["samples/during-\(String(format: "%06d", epoch))-unseen.png"] = Self.png
    }
    files["samples/before-unseen.png"] = Self.png
    files["samples/after-unseen.png"] = Self.png
    files["samples/notes.txt"] = Data()
    files["samples/after-broken.png"] = Data("no picture".utf8)
    let html = try report(files).html
    let captions = html.matches(of: #/<figcaption>([^<]*)<\/figcaption><img/#)
      .map { String($0.output.1) }
    #expect(
      captions == [
        "before training", "after epoch 8", "after epoch 16", "after epoch 24", "after epoch 32",
        "after training",
      ])
    #expect(html.contains("6 of 43 grids"))
    #expect(html.contains("<img src=\"data:image/png;base64,\(Self.png.base64EncodedString())\""))
  }

  @Test func largeGridsAreLeftOutBeforeThePageIsTooLarge() throws {
    var files = ["metrics.jsonl": Data(step(1).utf8)]
    for epoch in 1...6 {
      files["samples/during-00000\(epoch)-a.png"] = Self.png + Data(count: 3 << 20)
    }
    let html = try report(files).html
    #expect(html.utf8.count < 17 << 20)
    #expect(html.contains("3 of 6 grids"))
  }

  @Test func aFinishedRunSaysWhatCameOfIt() throws {
    let html = try report([
      "metrics.jsonl": Data(
        ([evaluation(0, "before", 0.4)] + (1...2).map { step($0) } + [
          evaluation(2, "after", 0.5)
        ]).joined(separator: "\n").utf8),
      "summary.json": Data(#"{"seconds":250,"epochs":2,"steps":2,"ranks":2}"#.utf8),
      "launch.jsonl": Data(
        """
        {"start":"2026-11-23T07:38:50Z","seconds":3.6,"status":137,"step":1,"blamedHosts":["h2"],\
        "reason":"it began with rank 0"}
        {"start":"2026-11-23T07:39:50Z","seconds":200,"status":0,"step":2,"committedStep":2,\
        "blamedHosts":[]}
        """.utf8),
    ]).html
    #expect(
      html.contains(
        "Finished: 2 epochs, 2 optimiser steps in 4 min 10 s on 2 ranks, restarted once."))
    #expect(html.contains("Began 2026-11-23 07:38:50 UTC"))
    #expect(html.contains("failed (137); it began with rank 0; blamed: h2"))
    #expect(html.contains("<dt>reward, unseen</dt><dd>0.5000 <small>+0.1000</small></dd>"))
    // Sampling 4 s, gradient 2 s, and what is left of 250 s.
    #expect(html.contains("evaluations and all else 4 min 04 s"))
  }

  @Test func eachHeldOutRewardHasACurveOfItsOwn() throws {
    func evaluation(_ step: Int, _ phase: String, _ other: Double, set: String = "unseen") -> String
    {
      #"{"kind":"evaluation","step":\#(step),"set":"\#(set)","phase":"\#(phase)","reward":1,"#
        + #""components":{"trained":1,"other":\#(other)}}"#
    }
    func page(_ evaluations: [String]) throws -> String {
      let step = #"{"kind":"step","step":1,"loss":1,"components":{"trained":1}}"#
      return try report(metrics: [step] + evaluations).html
    }
    let html = try page([
      evaluation(0, "before", 0.25), evaluation(1, "during", 0.5),
      evaluation(1, "during", 0.75, set: "seen"), evaluation(2, "after", 0.5),
    ])
    #expect(html.contains("<figcaption>other, held out <small>mean of the raw reward"))
    #expect(!html.contains("trained, held out"))
    // The course of the trained reward and that of the other have a line for each set.
    #expect(html.matches(of: #/<figcaption>(During the run|other, held out)/#).count == 2)
    // Without a course the table says it all.
    let ends = try page([evaluation(0, "before", 0.25), evaluation(2, "after", 0.5)])
    #expect(!ends.contains("held out"))
  }

  @Test func aRunThatIsNotDoneSaysHowFarItIs() throws {
    let html = try report([
      "metrics.jsonl": Data(
        ((1...3).map { step($0) } + [
          #"{"kind":"start","step":0,"time":"2026-11-23T07:00:00Z","ranks":2}"#,
          #"{"kind":"start","step":2,"time":"2026-11-23T08:00:00Z","ranks":3}"#,
        ]).joined(separator: "\n").utf8),
      "config.yaml": Data("run:\n  seed: 1\n  epochs: 40\n".utf8),
    ]).html
    #expect(
      html.contains(
        "Not finished: stopped or at work after 3 optimiser steps, in epoch 3 of 40, restarted once."
      ))
    #expect(html.contains("<title>restart after step 2</title>"))
    #expect(html.contains("2026-11-23 08:00:00 UTC"))
  }

  @Test func theLedgerIsAddedUp() throws {
    let html = try report([
      "metrics.jsonl": Data(step(1).utf8),
      "ledger/1763900000-0.jsonl": Data(
        """
        {"reward":"a","prompt":"p","score":1,"seconds":0.5,"rank":0}
        {"reward":"b","prompt":"p","reason":"no answer","score":null,"seconds":1.5,"rank":0}
        {"reward":"a","prompt":"p","score":3,"seconds":1,"rank":0}
        torn
        """.utf8),
    ]).html
    #expect(html.contains("3 scores in the ledger, waited for 1 s on average, 1.5 s at most."))
    #expect(html.contains("<tr><td>a</td><td class=\"number\">2</td><td class=\"number\">0</td>"))
    #expect(html.contains("<tr><td>b</td><td class=\"number\">0</td><td class=\"number\">1</td>"))
  }
}
