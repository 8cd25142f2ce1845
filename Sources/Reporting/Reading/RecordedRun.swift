import Foundation

/// All that a run folder says of a run. Files and lines that are missing or damaged are left out.
struct RecordedRun {
  /// The folder.
  let path: String
  private(set) var steps = StepTable()
  private(set) var evaluations: [RecordedEvaluation] = []
  private(set) var checkpoints = RecordedCheckpoints()
  private(set) var starts: [RecordedStart] = []
  private(set) var launches: [RecordedLaunch] = []
  /// `summary.json`, which a run writes at its end.
  private(set) var summary: Fields?
  /// The run's own name, from `run.json`.
  private(set) var id: String?
  /// `config.yaml`.
  private(set) var configuration: ConfigurationText?
  /// In the order they were made, a set after the other.
  private(set) var grids: [RecordedGrid] = []
  private(set) var ledger: Ledger?
  /// What a reader should know of the files.
  private(set) var notes: [String] = []

  private static let textByteLimit = 1 << 20

  /// Reads a run folder.
  ///
  /// - Throws: ``ReportingError`` where it is none.
  init(folder path: String) throws {
    self.path = path
    guard let names = try? FileManager.default.contentsOfDirectory(atPath: path) else {
      throw ReportingError(
        path, expected: "the folder of a run",
        found: FileManager.default.fileExists(atPath: path)
          ? "a file, or a folder that cannot be read" : "nothing")
    }
    guard names.contains(where: ["metrics.jsonl", "config.yaml", "run.json"].contains) else {
      throw ReportingError(
        path, expected: "the folder of a run, with metrics.jsonl or config.yaml", found: "neither",
        advice: "name what run.output is in the configuration")
    }
    readMetrics()
    readLaunches()
    func object(_ name: String) -> Fields? {
      LineReader.contents(of: "\(path)/\(name)", byteLimit: Self.textByteLimit).flatMap(Fields.init)
    }
    summary = object("summary.json")
    id = object("run.json")?.text("id")
    configuration = LineReader.contents(
      of: "\(path)/config.yaml", byteLimit: Self.textByteLimit
    ).map { ConfigurationText(String(decoding: $0, as: UTF8.self)) }
    if configuration == nil { notes.append("config.yaml is missing.") }
    let files = (try? FileManager.default.contentsOfDirectory(atPath: "\(path)/samples")) ?? []
    grids = files.compactMap(RecordedGrid.init(fileName:)).sorted {
      ($0.set, $0.order) < ($1.set, $1.order)
    }
    ledger = Ledger(runFolder: path)
  }

  /// A picture of ``grids``; `nil` where it is no PNG of at most so many bytes.
  func png(of grid: RecordedGrid, byteLimit: Int) -> Data? {
    LineReader.contents(of: "\(path)/samples/\(grid.name)", byteLimit: byteLimit)
      .flatMap { $0.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) ? $0 : nil }
  }

  private mutating func readMetrics() {
    var damagedCount = 0
    let isThere = LineReader.forEachLine(of: "\(path)/metrics.jsonl") { line in
      guard let fields = Fields(line), let kind = fields.text("kind"), add(fields, kind: kind)
      else {
        return damagedCount += 1
      }
    }
    if !isThere { notes.append("metrics.jsonl is missing.") }
    if damagedCount > 0 {
      notes.append(
        "metrics.jsonl: \(damagedCount) \(damagedCount == 1 ? "line is" : "lines are") no "
          + "\(damagedCount == 1 ? "record" : "records") and left out.")
    }
  }

  /// Takes a record in; false where it lacks what matters. Kinds of later versions are left out.
  private mutating func add(_ fields: Fields, kind: String) -> Bool {
    switch kind {
    case "step":
      guard let step = fields.integer("step"), step >= 0 else { return false }
      if let last = steps.steps.last, last >= step {
        evaluations.removeAll { $0.step >= step || $0.phase == "after" }
      }
      var numbers = fields.numbers
      numbers["step"] = nil
      steps.append(step: step, numbers)
    case "evaluation":
      guard let evaluation = RecordedEvaluation(fields) else { return false }
      evaluations.removeAll {
        $0.set == evaluation.set && $0.phase == evaluation.phase && $0.step == evaluation.step
      }
      evaluations.append(evaluation)
    case "checkpoint": checkpoints.add(fields)
    case "start":
      guard let start = RecordedStart(fields) else { return false }
      starts.append(start)
    default: break
    }
    return true
  }

  private mutating func readLaunches() {
    var launches: [RecordedLaunch] = []
    _ = LineReader.forEachLine(of: "\(path)/launch.jsonl") { line in
      if let fields = Fields(line) { launches.append(RecordedLaunch(fields)) }
    }
    self.launches = launches
  }
}
