import Foundation

/// What the ledger of a run says of the scores that were asked for, each a line of JSON.
///
/// Files are `ledger.jsonl`, `ledger-*.jsonl` and all of `ledger/`. Of a line these fields count, each
/// where it is there: `components`, numbers by name; `seconds`, what the score took; `prompt`.
struct Ledger {
  /// A reward of the run.
  struct Component {
    var count = 0
    var missingCount = 0
    var sum = 0.0
    var least = Double.infinity
    var greatest = -Double.infinity

    mutating func add(_ number: Double) {
      guard number.isFinite else { return missingCount += 1 }
      count += 1
      sum += number
      least = min(least, number)
      greatest = max(greatest, number)
    }
  }

  /// Lines.
  private(set) var scoreCount = 0
  private(set) var components: [String: Component] = [:]
  /// The sum over all scores.
  private(set) var seconds = 0.0
  private(set) var greatestSeconds = 0.0
  private(set) var timedCount = 0

  private static let componentLimit = 100

  /// `nil` where the run has none.
  init?(runFolder: String, names: [String]) {
    let inside = (try? FileManager.default.contentsOfDirectory(atPath: "\(runFolder)/ledger")) ?? []
    let files =
      names.filter { $0 == "ledger.jsonl" || $0.hasPrefix("ledger-") && $0.hasSuffix(".jsonl") }
      + inside.filter { $0.hasSuffix(".jsonl") }.map { "ledger/\($0)" }
    guard !files.isEmpty else { return nil }
    for file in files.sorted() {
      _ = LineReader.forEachLine(of: "\(runFolder)/\(file)") { line in
        if let fields = Fields(line) { add(fields) }
      }
    }
  }

  private mutating func add(_ fields: Fields) {
    guard let numbers = fields.fields("components")?.numbers else { return }
    scoreCount += 1
    for (name, number) in numbers
    where components[name] != nil || components.count < Self.componentLimit {
      components[name, default: Component()].add(number)
    }
    if let seconds = fields.number("seconds"), seconds >= 0 {
      self.seconds += seconds
      greatestSeconds = max(greatestSeconds, seconds)
      timedCount += 1
    }
  }
}
