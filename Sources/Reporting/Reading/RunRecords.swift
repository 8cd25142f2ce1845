import Foundation

/// The reward on a set of prompts, as the run measured it.
struct RecordedEvaluation {
  var step: Int
  var epoch: Int?
  var set: String
  /// before, during or after.
  var phase: String
  var reward: Double
  var standardError: Double?
  var imageCount: Int?
  /// The mean of each reward, by name, where they are recorded.
  var components: [String: Double]

  /// `nil` where the record lacks what matters.
  init?(_ fields: Fields) {
    guard let step = fields.integer("step"), let set = fields.text("set"),
      let reward = fields.number("reward")
    else { return nil }
    self.step = step
    epoch = fields.integer("epoch")
    self.set = set
    phase = fields.text("phase") ?? "during"
    self.reward = reward
    standardError = fields.number("standardError")
    imageCount = fields.integer("count")
    components = fields.fields("components")?.numbers ?? [:]
  }
}

/// The checkpoints of a run, added up.
struct RecordedCheckpoints {
  var count = 0
  var byteCount = 0.0
  /// For which training waited.
  var secondsBlocked = 0.0

  mutating func add(_ fields: Fields) {
    count += 1
    byteCount += fields.number("bytes") ?? 0
    secondsBlocked += fields.number("secondsBlocked") ?? 0
  }
}

/// A start of the program.
struct RecordedStart {
  /// Steps taken before.
  var step: Int
  /// In ISO 8601.
  var time: String?
  var rankCount: Int?

  init?(_ fields: Fields) {
    guard let step = fields.integer("step") else { return nil }
    self.step = step
    time = fields.text("time")
    rankCount = fields.integer("ranks")
  }
}

/// A start by `prdp launch`, and what came of it.
struct RecordedLaunch {
  /// In ISO 8601.
  var time: String?
  var seconds: Double?
  /// The exit status.
  var status: Int?
  var reason: String?
  var blamedHosts: [String]
  /// The step that it came to.
  var step: Int?
  /// The newest checkpoint's at its end.
  var committedStep: Int?

  init(_ fields: Fields) {
    time = fields.text("start")
    seconds = fields.number("seconds")
    status = fields.integer("status")
    reason = fields.text("reason")
    blamedHosts = fields.texts("blamedHosts")
    step = fields.integer("step")
    committedStep = fields.integer("committedStep")
  }
}

/// A grid of samples.
struct RecordedGrid: Equatable {
  /// The file's name.
  var name: String
  var set: String
  /// before, during or after.
  var phase: String
  /// Of a grid made during the run.
  var epoch: Int?

  /// `nil` where a file is not named as a run names its grids.
  init?(fileName: String) {
    let pattern = #/(before|after|during-([0-9]{6,9}))-(.+)\.png/#
    guard let match = fileName.wholeMatch(of: pattern) else { return nil }
    name = fileName
    epoch = match.output.2.flatMap { Int($0) }
    phase = epoch == nil ? String(match.output.1) : "during"
    set = String(match.output.3)
  }

  /// The place among the grids of a set.
  var order: Int {
    switch phase {
    case "before": -1
    case "after": .max
    default: epoch ?? 0
    }
  }
}
