// What to say about words that are none of ours.

extension Schema {
  /// What to do instead of writing a key at `path`, which is none, as the end of a sentence that
  /// begins with the path.
  static func advice(on path: String) -> String {
    if let explanation = explanation(of: path) { return "is not a known key; \(explanation)" }
    if let suggestion = suggestion(for: path) {
      return "is not a known key; did you mean \(suggestion)?"
    }
    return adviceOnUnknown
  }

  /// The advice that takes no time to find.
  static let adviceOnUnknown = "is not a known key; prdp config schema lists all"

  /// The known path most like `path`: one of the same name, or that other trainers call so, best in
  /// the same section; else one that is spelled like it.
  private static func suggestion(for path: String) -> String? {
    let name = path.lastComponent.foldedForComparison
    let section = path.dropLast(path.lastComponent.count)
    let own = keys.filter { $0.path.lastComponent.foldedForComparison == name }.map(\.path)
    let known = own + keys.filter { $0.knownAs.contains(folded: name) }.map(\.path)
    return known.first { !section.isEmpty && $0.hasPrefix(section) } ?? known.first
      ?? groups.first { $0.lastComponent == name }
      ?? sections.first { $0.knownAs.contains(folded: name) }?.name
      ?? (keys.map(\.path) + groups).nearest(to: path)
  }

  /// Why other trainers have a key of this name and there is none here.
  private static func explanation(of path: String) -> String? {
    let name = path.lastComponent.foldedForComparison
    return elsewhere.first { $0.names.contains(folded: name) }?.explanation
  }

  private static let elsewhere: [(names: [String], explanation: String)] = [
    (
      ["resume", "resume_from", "resume_from_checkpoint", "resume_path"],
      "a run goes on by an option: prdp train --resume latest"
    ),
    (["debug"], "the checks are turned on by an option: prdp train --debug"),
    (["dump_step"], "a step is dumped by an option: prdp train --debug --dump-step FOLDER"),
    (
      ["hostfile", "num_nodes", "nnodes", "num_machines", "master_addr"],
      "the machines are named in cluster.hosts: [{name: node1, slots: 8}, …]"
    ),
    (
      ["gradient_accumulation_steps", "accumulation_steps", "grad_accum"],
      "an optimiser step takes in the whole epoch, method.microBatch samples at a time"
    ),
    (
      ["fp16", "bf16", "amp", "allow_tf32"],
      "the type of frozen weights is model.dtype; what is trained, and log-probabilities, are float32 "
        + "and more"
    ),
    (["use_8bit_adam"], "it is not supported: the optimiser is AdamW"),
    (
      ["report_to", "wandb", "use_wandb", "tracker", "log_with"],
      "it is not supported: metrics go to metrics.jsonl and, by logging.tensorboard, to event files"
    ),
    (
      ["per_prompt_stat_tracking", "normalize_rewards"],
      "rewards are not normalised: within a prompt they are compared as they are"
    ),
  ]
}

extension [String] {
  /// Whether one of these is `name` but for case, hyphens and underscores, which `name` has not.
  fileprivate func contains(folded name: String) -> Bool {
    contains { $0.foldedForComparison == name }
  }
}

extension RunConfiguration.Cluster.Device {
  static var knownAs: [String: Self] { ["gpu": .cuda, "nvidia": .cuda, "host": .cpu] }
}

extension RunConfiguration.Model.Training {
  static var knownAs: [String: Self] { ["adapter": .lora, "peft": .lora, "unet": .full] }
}

extension RunConfiguration.Method.Reduction {
  static var knownAs: [String: Self] { ["avg": .mean, "average": .mean, "add": .sum] }
}

extension RunConfiguration.Method.KLAction {
  static var knownAs: [String: Self] { ["end": .stop, "abort": .stop, "lower": .slow] }
}

extension RunConfiguration.Logging.Progress {
  static var knownAs: [String: Self] {
    ["off": .none, "no": .none, "false": .none, "quiet": .none, "bar": .live, "tqdm": .live]
  }
}
