import Foundation

/// What run this is, and how it went in a few figures.
extension RunReport {
  var header: HTML {
    let figures = figures.map { figure -> HTML in
      let note: HTML = figure.change.map { " <small>\(Wording.change($0))</small>" } ?? ""
      return "<div><dt>\(figure.name)</dt><dd>\(figure.value)\(note)</dd></div>\n"
    }
    return """
      <header>
      <h1>\(name)</h1>
      <p>\(status)</p>
      <p class="soft">\(origin)</p>
      <dl class="figures">
      \(figures)</dl>
      </header>

      """
  }

  /// Whether the run is done, and how long it took.
  private var status: String {
    let steps = run.steps.steps.last ?? 0
    let epochs = run.steps.last("epoch").flatMap { Int(exactly: $0) } ?? 0
    if let summary = run.summary {
      let time = summary.number("seconds").map { " in \(Wording.duration($0))" } ?? ""
      let ranks = summary.integer("ranks").map { " on \(Wording.count($0, "rank"))" } ?? ""
      return "Finished: \(Wording.count(summary.integer("epochs") ?? epochs, "epoch")), "
        + "\(Wording.count(summary.integer("steps") ?? steps, "optimiser step"))\(time)\(ranks)"
        + "\(restartWords)."
    }
    let planned = run.configuration?.integer("run", "epochs").map { " of \(Wording.count($0))" }
    return "Not finished: stopped or at work after \(Wording.count(steps, "optimiser step")), "
      + "in epoch \(Wording.count(epochs))\(planned ?? "")\(restartWords)."
  }

  /// Starts of the program beyond the first.
  var restartCount: Int { max(0, max(run.launches.count, run.starts.count) - 1) }

  private var restartWords: String {
    restartCount == 0 ? "" : ", restarted \(restartCount == 1 ? "once" : "\(restartCount) times")"
  }

  /// Model, data, rewards, and when the run began.
  private var origin: String {
    let configuration = run.configuration
    let rewards = configuration?.items("rewards") ?? []
    let began = (run.launches.first?.time ?? run.starts.first?.time).map(Wording.time)
    return [
      began.map { "Began \($0)" },
      configuration?.value("model", "path").map { "model \($0)" },
      configuration?.value("data", "prompts").map { "prompts \($0)" },
      rewards.isEmpty ? nil : "rewards \(rewards.joined(separator: ", "))",
      run.id.map { "run \($0)" },
    ].compactMap(\.self).joined(separator: " · ")
  }

  /// Figures at the end, and how they changed since the start.
  private var figures: [(name: String, value: String, change: Double?)] {
    var figures: [(name: String, value: String, change: Double?)] = []
    for row in evaluationRows.prefix(4) {
      guard let last = row.after ?? row.before else { continue }
      let change = row.after.flatMap { after in row.before.map { after.value - $0.value } }
      figures.append(("reward, \(row.name)", Wording.reward(last.value), change))
    }
    if let rewards = run.steps["rewardMean"], let first = rewards.first(where: \.isFinite),
      let last = rewards.last(where: \.isFinite)
    {
      figures.append(("reward in training", Wording.reward(last), last - first))
    }
    if let kl = run.steps.last("klAllSteps") {
      figures.append(("KL, all sampling steps", "\(Wording.number(kl, digits: 3)) nats", nil))
    }
    if let images = run.steps.last("images").flatMap({ Int(exactly: $0) }) {
      figures.append(("images drawn", Wording.count(images), nil))
    }
    return figures
  }
}
