/// Rewards by set, and curves over the run.
extension RunReport {
  // MARK: - Evaluation

  /// The first and the last evaluation of each set, in the order they were made.
  var evaluationRows: [IntervalChart.Row] {
    sets.map { set in
      let all = run.evaluations.filter { $0.set == set }
      let before = all.first { $0.phase == "before" }
      return IntervalChart.Row(
        name: set, before: before.map(mark), after: all.last { $0.phase != "before" }.map(mark))
    }
  }

  private var sets: [String] {
    run.evaluations.reduce(into: []) { sets, evaluation in
      if !sets.contains(evaluation.set) { sets.append(evaluation.set) }
    }
  }

  private func mark(_ evaluation: RecordedEvaluation) -> IntervalChart.Mark {
    IntervalChart.Mark(
      value: evaluation.reward, standardError: evaluation.standardError ?? 0)
  }

  /// Whether the run's last evaluations are those at its end.
  private var afterName: String {
    run.evaluations.contains { $0.phase == "after" } ? "after" : "latest"
  }

  private static let rowLimit = 24

  var evaluationSection: HTML {
    let rows = Array(evaluationRows.prefix(Self.rowLimit))
    let chart = IntervalChart(rows: rows, afterName: afterName)
    let courses = LineChart(
      title: "During the run", unit: "mean reward ± standard error",
      series: sets.prefix(6).map(course), restarts: restartSteps, marksPoints: true)
    let isCourse = run.evaluations.contains { $0.phase == "during" }
    let charts =
      [chart.figure].compactMap(\.self)
      + (isCourse ? [courses] + heldOutCharts : []).compactMap(\.figure)
    guard !charts.isEmpty else { return "" }
    return section(
      "Evaluation",
      "\(evaluationTable(rows))<div class=\"charts\">\n\(charts)</div>\n")
  }

  private func course(of set: String) -> Series {
    let all = run.evaluations.filter { $0.set == set }
    return Series(
      set, all.map(\.step), all.map(\.reward), deviations: all.map { $0.standardError ?? 0 })
  }

  /// Held-out rewards have no curve over the steps, and scales of their own: a chart each.
  private var heldOutCharts: [LineChart] {
    let trained = Set(run.steps.names(after: "components."))
    guard !trained.isEmpty else { return [] }
    let names = Set(run.evaluations.flatMap(\.components.keys)).subtracting(trained).sorted()
    return names.prefix(Self.componentLimit).map { name in
      LineChart(
        title: "\(name), held out", unit: "mean of the raw reward",
        series: sets.prefix(6).map { set in
          let all = run.evaluations.filter { $0.set == set && $0.components[name] != nil }
          return Series(set, all.map(\.step), all.compactMap { $0.components[name] })
        }, restarts: restartSteps, marksPoints: true)
    }
  }

  private func evaluationTable(_ rows: [IntervalChart.Row]) -> HTML {
    func cell(_ mark: IntervalChart.Mark?) -> HTML {
      guard let mark else { return "<td class=\"number\">–</td>" }
      return """
        <td class="number">\(Wording.reward(mark.value)) \
        <small>± \(Wording.reward(mark.standardError))</small></td>
        """
    }
    let lines = rows.map { row -> HTML in
      let change = row.before.flatMap { before in row.after.map { $0.value - before.value } }
      return """
        <tr><td>\(row.name)</td>\(cell(row.before))\(cell(row.after))\
        <td class="number">\(change.map(Wording.change) ?? "–")</td></tr>
        \(componentLines(of: row.name))
        """
    }
    return """
      <div class="wide"><table>
      <thead><tr><th>prompts</th><th class="number">before</th>\
      <th class="number">\(afterName)</th><th class="number">change</th></tr></thead>
      <tbody>
      \(lines)</tbody></table></div>
      <p class="soft">Means over \(imageCounts) a set, with standard errors.</p>

      """
  }

  private var imageCounts: String {
    let counts = Set(run.evaluations.compactMap(\.imageCount)).sorted()
    guard let least = counts.first, let greatest = counts.last else { return "the images of" }
    return least == greatest
      ? Wording.count(least, "image")
      : "\(Wording.count(least)) to \(Wording.count(greatest)) images"
  }

  /// A line for each reward by itself, where there are several.
  private func componentLines(of set: String) -> [HTML] {
    let all = run.evaluations.filter { $0.set == set }
    let before = all.first { $0.phase == "before" }?.components ?? [:]
    let after = all.last { $0.phase != "before" }?.components ?? [:]
    let names = Set(before.keys).union(after.keys).sorted()
    guard names.count > 1 else { return [] }
    return names.prefix(Self.rowLimit).map { name in
      func cell(_ value: Double?) -> HTML {
        "<td class=\"number\">\(value.map(Wording.reward) ?? "–")</td>"
      }
      let change = before[name].flatMap { before in after[name].map { $0 - before } }
      return """
        <tr><td class="soft">&emsp;\(name)</td>\(cell(before[name]))\(cell(after[name]))\
        <td class="number">\(change.map(Wording.change) ?? "–")</td></tr>

        """
    }
  }

  // MARK: - Curves

  /// The steps after which the run went on from a checkpoint.
  var restartSteps: [Int] {
    let starts =
      run.starts.isEmpty
      ? run.launches.dropFirst().indices.compactMap { run.launches[$0 - 1].committedStep }
      : run.starts.dropFirst().map(\.step)
    return Set(starts).subtracting([0]).sorted().suffix(50)
  }

  var curveSection: HTML {
    let figures = charts.compactMap(\.figure)
    guard !figures.isEmpty else { return "" }
    let note: HTML =
      restartSteps.isEmpty
      ? "" : "<p class=\"soft\">A dotted line is where the run went on from a checkpoint.</p>\n"
    return section("Training", "\(note)<div class=\"charts\">\n\(figures)</div>\n")
  }

  private var charts: [LineChart] {
    [
      chart(
        "Reward", "mean, and deviation of images", ["rewardMean": "reward"],
        deviations: "rewardDeviation")
    ] + componentCharts + [
      chart("Loss", "as the method has it", ["loss": "loss"], mayBeLogarithmic: true),
      chart(
        "KL to the start", "nats", ["kl": "trained steps", "klAllSteps": "all steps"],
        floor: 0, mayBeLogarithmic: true),
      chart("Clipped log-ratios", "part of all", ["clipFraction": "clipped"], floor: 0),
      chart("Gradient norm", "before clipping", ["gradientNorm": "norm"], mayBeLogarithmic: true),
      chart("Learning rate", "of AdamW", ["learningRate": "rate"], floor: 0),
      chart("Tied pairs", "part of all", ["tiedPairFraction": "tied"], floor: 0),
      chart("Missing scores", "images of an epoch", ["missingScores": "missing"], floor: 0),
    ]
  }

  private static let componentLimit = 12

  /// Rewards have scales of their own, and so a chart each; a single one is the sum already.
  private var componentCharts: [LineChart] {
    let names = run.steps.names(after: "components.")
    guard names.count > 1 else { return [] }
    return names.prefix(Self.componentLimit).map {
      chart($0, "mean of the raw reward", ["components.\($0)": $0])
    }
  }

  /// A chart of columns, each with the name that it has there.
  private func chart(
    _ title: String, _ unit: String, _ names: KeyValuePairs<String, String>,
    deviations: String? = nil, floor: Double? = nil, mayBeLogarithmic: Bool = false
  ) -> LineChart {
    let series = names.compactMap { column, name in
      run.steps[column].map {
        Series(
          name, run.steps.steps, $0, deviations: deviations.flatMap { run.steps[$0] })
      }
    }
    return LineChart(
      title: title, unit: unit, series: series, floor: floor, mayBeLogarithmic: mayBeLogarithmic,
      restarts: restartSteps)
  }
}
