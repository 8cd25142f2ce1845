extension RunConfiguration {
  /// What a configuration is read for, which decides about the rules between keys.
  public enum Use: Sendable {
    /// A run: all of them count.
    case training
    /// Drawing and scoring images: the course of a run does not matter.
    case scoring

    /// The rules that count.
    var relations: [ConfigurationRelation] {
      switch self {
      case .training: Schema.relations + Schema.relationsOfRuns
      case .scoring: Schema.relations
      }
    }
  }

  /// The held-out rewards, as an evaluation that is no run's takes them: those that ``rewards`` does not
  /// name, with the weight 0.
  public var heldOutRewards: [Reward] {
    let trained = Set(rewards.map(\.name))
    return evaluation.rewards.filter { !trained.contains($0.name) }.map { reward in
      var reward = reward
      reward.weight = 0
      return reward
    }
  }
}
