import Foundation

/// What the ledger of a run says of the scores that were paid for: the files of `ledger/`, in which each
/// line has an image's `score` by a `reward`, none where it is missing, and the `seconds` for which the
/// answer that has it was waited for.
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

  /// Lines, those of missing scores included.
  private(set) var scoreCount = 0
  private(set) var components: [String: Component] = [:]
  /// The sum over all scores.
  private(set) var seconds = 0.0
  private(set) var greatestSeconds = 0.0
  private(set) var timedCount = 0

  private static let componentLimit = 100

  /// `nil` where the run has none.
  init?(runFolder: String) {
    let folder = "\(runFolder)/ledger"
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    let files = names.filter { $0.hasSuffix(".jsonl") }
    guard !files.isEmpty else { return nil }
    for file in files.sorted() {
      _ = LineReader.forEachLine(of: "\(folder)/\(file)") { line in
        if let fields = Fields(line) { add(fields) }
      }
    }
  }

  private mutating func add(_ fields: Fields) {
    guard let name = fields.text("reward") else { return }
    scoreCount += 1
    if components[name] != nil || components.count < Self.componentLimit {
      components[name, default: Component()].add(fields.number("score") ?? .nan)
    }
    if let seconds = fields.number("seconds"), seconds >= 0 {
      self.seconds += seconds
      greatestSeconds = max(greatestSeconds, seconds)
      timedCount += 1
    }
  }
}
