import ArgumentParser
import Foundation
import Training

struct CompareCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare",
    abstract: "Tells which of two models makes the better images.",
    discussion: """
      Takes two files of `prdp evaluate --json`, of the same prompts, noise, sampler and rewards. The \
      win rate is the share of images of which the second model's has the higher reward, where a tie \
      counts half, with an interval of 95 % over prompts.

      EXAMPLES
        prdp evaluate --model M --prompts p.txt --json base.json
        prdp evaluate --model M --lora L --prompts p.txt --json tuned.json
        prdp compare base.json tuned.json
      """)

  @Argument(help: "The evaluation of one model.", completion: .file(extensions: ["json"]))
  var first: String

  @Argument(help: "The evaluation of another.", completion: .file(extensions: ["json"]))
  var second: String

  @Option(help: "Writes what is printed as JSON too; - for standard output instead.")
  var json: String?

  func run() throws {
    let comparison = try refusingBadInput { try EvaluationComparison(first, second) }
    if json != "-" {
      say(line("reward", comparison.reward))
      // Of one reward alone the sum is no other.
      for (name, verdict) in comparison.components.sorted(by: { $0.key < $1.key })
      where comparison.components.count > 1 {
        say(line("  \(name)", verdict))
      }
    }
    if let json { try refusingBadInput { try writeJSON(comparison, to: json) } }
  }

  private func line(_ name: String, _ verdict: EvaluationComparison.Verdict) -> String {
    func percent(_ share: Double) -> String { String(format: "%.1f", 100 * share) }
    let error = verdict.standardError.map { String(format: " +- %.4f", $0) } ?? ""
    return "\(name): wins \(percent(verdict.winRate)) % "
      + "(\(percent(verdict.interval.lowerBound)) to \(percent(verdict.interval.upperBound)) %), "
      + "ties \(percent(verdict.tieRate)) %, "
      + String(format: "difference %+.4f", verdict.meanDifference) + error
      + ", \(verdict.imageCount) images of \(verdict.promptCount) prompts"
  }
}
