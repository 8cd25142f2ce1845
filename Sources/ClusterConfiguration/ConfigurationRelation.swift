/// A rule between keys, or between keys and what only the caller of a reader knows.
public struct ConfigurationRelation: Sendable {
  /// The keys it is about; of those stated, an overridden one is blamed, else the first.
  let paths: [String]
  /// What breaks the rule, with the numbers; empty where nothing does.
  let brokenRules: @Sendable (RunConfiguration) -> [String]
}

extension ConfigurationRelation {
  /// Each of `rankCount` ranks has a prompt: a rule known only once MPI is up.
  public static func prompts(forEachOf rankCount: Int) -> Self {
    Self(paths: ["method.promptsPerEpoch"]) { configuration in
      let promptCount = configuration.method.promptsPerEpoch
      guard promptCount < rankCount else { return [] }
      return [
        "method.promptsPerEpoch is \(promptCount), fewer than the \(rankCount) ranks: "
          + "raise it or start fewer ranks"
      ]
    }
  }

  /// Images of a prompt are compared with each other, wherever its earlier ones do not stand in.
  static let imagesToCompare = Self(
    paths: ["method.imagesPerPrompt", "method.advantages", "method.name"]
  ) { configuration in
    let method = configuration.method
    let standsAlone = method.name == .ddpo && method.advantages == .history
    guard method.imagesPerPrompt < 2, !standsAlone else { return [] }
    return [
      "method.imagesPerPrompt is \(method.imagesPerPrompt), and images of a prompt are compared "
        + "with each other: take 2 at least, or ddpo with advantages: history"
    ]
  }

  /// A held-out reward is not called as a trained one: metrics go by names.
  static let namesOfRewards = Self(paths: ["evaluation.rewards", "rewards"]) { configuration in
    let trained = Set(configuration.rewards.map(\.name))
    return configuration.evaluation.rewards.map(\.name).filter(trained.contains).map {
      "evaluation.rewards has \($0.shown), which rewards has too: evaluations say what it is in any "
        + "case; leave it out, or give it another name"
    }
  }

  /// A rank may wait for an answer: the end of each attempt at one is a sign of life, and so has to come
  /// before the rank counts as stuck.
  static let patienceForRewards = Self(
    paths: ["rewards", "evaluation.rewards", "cluster.stallLimit"]
  ) { configuration in
    let limit = configuration.cluster.stallLimit
    let lists = [
      ("rewards", configuration.rewards), ("evaluation.rewards", configuration.evaluation.rewards),
    ]
    return lists.flatMap { key, rewards in
      rewards.enumerated().compactMap { index, reward in
        guard let seconds = reward.longestAttempt, seconds >= Double(limit) else { return nil }
        let settings =
          reward.kind == .command ? "timeout, startTimeout and retries" : "timeout and retries"
        return
          "\(key)[\(index)] may take \(seconds.yaml) s for an answer, by its \(settings), and a "
          + "rank ends itself after \(limit) s in one operation: lower that, or raise "
          + "cluster.stallLimit"
      }
    }
  }

  /// The best checkpoint is chosen by what evaluations between epochs measure.
  static let bestMeasure = Self(
    paths: ["checkpoint.best", "evaluation.sets", "evaluation.rewards", "evaluation.everyEpochs"]
  ) { configuration in
    guard let measure = configuration.checkpoint.bestMeasure else { return [] }
    let evaluation = configuration.evaluation
    let sets = evaluation.sets.map(\.name)
    let rewards = (configuration.rewards + evaluation.rewards).map(\.name)
    var problems: [String] = []
    if !sets.contains(measure.set) {
      problems.append(
        "checkpoint.best names the set \(measure.set.shown), and evaluation.sets has "
          + (sets.isEmpty ? "none" : sets.enumeration))
    }
    if !rewards.contains(measure.reward) {
      problems.append(
        "checkpoint.best names the reward \(measure.reward.shown), and evaluations have "
          + rewards.enumeration)
    }
    if evaluation.everyEpochs == 0 {
      problems.append(
        "checkpoint.best asks for evaluations during the run, and evaluation.everyEpochs is 0: "
          + "raise it")
    }
    return problems
  }

  /// Each of the ranks that a launch starts has a prompt.
  public static let promptsForEachSlot = Self(
    paths: ["method.promptsPerEpoch", "cluster.slots", "cluster.hosts"]
  ) { configuration in
    let promptCount = configuration.method.promptsPerEpoch
    let cluster = configuration.cluster
    guard promptCount < cluster.rankCount else { return [] }
    let slots =
      cluster.hosts.isEmpty
      ? "cluster.slots, which is \(cluster.rankCount)"
      : "the slots in cluster.hosts, \(cluster.rankCount) in all"
    return [
      "method.promptsPerEpoch is \(promptCount), below \(slots): "
        + "a rank would be left without a prompt"
    ]
  }
}

extension [String] {
  /// These as a sentence names them: `a, b or c`.
  var alternatives: String { sentence(with: "or") }

  /// These as a sentence names them: `a, b and c`.
  var enumeration: String { sentence(with: "and") }

  private func sentence(with word: String) -> String {
    let list = dropLast().joined(separator: ", ")
    return list.isEmpty ? joined() : "\(list) \(word) \(suffix(1).joined())"
  }
}
