/// What a checkpoint's folder is called: `step-00001200` where it stands between two optimiser steps
/// with nothing begun, or the first save of that step; `step-00001200.1`, `.2` … where more was done
/// since without a step, such as trajectories drawn.
struct CheckpointName: Hashable, Comparable, Sendable {
  /// Optimiser steps taken.
  let step: Int
  /// Counts the saves of that step from 0.
  var revision = 0

  init(step: Int, revision: Int = 0) {
    precondition(step >= 0 && revision >= 0, "steps and saves are counted from 0")
    self.step = step
    self.revision = revision
  }

  /// The name that a folder has; `nil` for one that is no checkpoint's.
  init?(_ text: some StringProtocol) {
    guard let match = String(text).wholeMatch(of: /step-(\d{8,18})(?:\.([1-9]\d{0,8}))?/),
      let step = Int(match.1), let revision = Int(match.2 ?? "0")
    else { return nil }
    self.init(step: step, revision: revision)
    guard self.text == text else { return nil }
  }

  /// The folder's name.
  var text: String {
    let digits = String(step)
    return "step-" + String(repeating: "0", count: max(0, 8 - digits.count)) + digits
      + (revision == 0 ? "" : ".\(revision)")
  }

  static func < (one: Self, other: Self) -> Bool {
    (one.step, one.revision) < (other.step, other.revision)
  }
}

/// Which checkpoints stay when a newer one is saved.
struct Retention: Sendable {
  /// How many of the newest; at least 1.
  var newestCount: Int
  /// Those of every so many steps stay for good; 0: none.
  var everySteps = 0
  /// That of this step stays too.
  var bestStep: Int?

  /// Those of `names` that stay.
  func kept(of names: [CheckpointName]) -> Set<CheckpointName> {
    // Of a step that stays for good one is enough: the first, which is the smallest.
    let forGood = names.filter {
      everySteps > 0 && $0.step % everySteps == 0 && $0.revision == 0
    }
    var kept = Set(names.sorted().suffix(newestCount) + forGood)
    if let best = best(of: names) { kept.insert(best) }
    return kept
  }

  /// That of `names` which is the best: of its step the first.
  func best(of names: [CheckpointName]) -> CheckpointName? {
    names.filter { $0.step == bestStep }.min()
  }
}
