import ClusterConfiguration
import Foundation
import Planning

/// The computation of a run, from the seconds that its records hold.
public struct MeasuredRun {
  /// What a prompt and a step took: medians over the run.
  public let seconds: ComputeSeconds

  /// Reads `metrics.jsonl` and `config.yaml` of a run folder, and `summary.json` for the number of
  /// ranks.
  ///
  /// - Parameter rankCount: The ranks of the run; `nil` takes those of the summary, which a run
  ///   writes at its end.
  /// - Throws: ``TrainingError``, or `ConfigurationError`.
  public init(folder path: String, rankCount: Int? = nil) throws {
    let metrics = "\(path)/metrics.jsonl"
    let lines = try RegularFile(metrics).contents(byteLimit: 1 << 30)
      .split(separator: UInt8(ascii: "\n"))
    let decoder = JSONDecoder()
    var records: [Record] = []
    for (index, line) in lines.enumerated() {
      do {
        guard try decoder.decode(Kind.self, from: Data(line)).kind == "step" else { continue }
        records.append(try decoder.decode(Record.self, from: Data(line)))
      } catch {
        throw TrainingError(
          metrics, line: index + 1, expected: "a record of prdp train", found: "something else",
          advice: "name the folder of a run of this version")
      }
    }
    let configuration = try RunConfiguration.load(path: "\(path)/config.yaml")
    let ranks = try rankCount ?? Self.rankCount(path)
    let share = configuration.method.promptsPerEpoch.dividedRoundingUp(by: ranks)
    // The first epoch has no reference to compute.
    let later = records.filter { $0.epoch > 1 }
    guard let first = Self.medians(of: later.filter { $0.inner == 1 }) else {
      throw TrainingError(
        metrics, expected: "records of the second epoch or later", found: "none",
        advice: "let the run go on for some epochs")
    }
    // Without a later step that has forward passes of its own nobody timed these alone: they are a
    // third, as the backward pass takes two products for each of the forward pass.
    let (method, sampler) = (configuration.method, configuration.sampler)
    let sampleCount = method.imagesPerPrompt * (sampler.steps - method.omitLastSteps)
    let steps = later.filter { $0.inner > 1 && sampleCount > method.microBatch }
    let forward =
      Self.medians(of: steps).map { max(0, $0.gradient - first.gradient) } ?? first.gradient / 3
    seconds = ComputeSeconds(
      samplePerPrompt: (first.sample + first.reward + first.reference) / Double(share),
      gradientPerPrompt: first.gradient / Double(share), forwardPerPrompt: forward / Double(share),
      updatePerStep: first.update)
  }

  private struct Kind: Decodable {
    var kind: String
  }

  private struct Record: Decodable {
    var epoch: Int
    var inner: Int
    var seconds: Seconds
  }

  private struct Seconds: Decodable {
    var sample: Double
    var reward: Double
    var reference: Double
    var gradient: Double
    var update: Double
  }

  private static func medians(of records: [Record]) -> Seconds? {
    let seconds = records.map(\.seconds)
    func median(_ value: (Seconds) -> Double) -> Double { seconds.map(value).median }
    guard !seconds.isEmpty else { return nil }
    return Seconds(
      sample: median(\.sample), reward: median(\.reward), reference: median(\.reference),
      gradient: median(\.gradient), update: median(\.update))
  }

  private static func rankCount(_ path: String) throws -> Int {
    struct Ranks: Decodable { var ranks: Int }
    let summary = "\(path)/summary.json"
    let advice = "wait for the run's end, or say --from-ranks"
    guard FileManager.default.fileExists(atPath: summary) else {
      throw TrainingError(
        summary, expected: "the number of ranks of the run", found: "no such file", advice: advice)
    }
    let contents = Data(try RegularFile(summary).contents(byteLimit: 1 << 20))
    guard let ranks = try? JSONDecoder().decode(Ranks.self, from: contents).ranks, ranks > 0 else {
      throw TrainingError(
        summary, expected: "the number of ranks of the run", found: "none", advice: advice)
    }
    return ranks
  }
}
