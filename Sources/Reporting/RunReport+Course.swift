import Foundation

/// Time, starts and faults, scores, the configuration, and what is missing.
extension RunReport {
  // MARK: - Time

  /// The phases of a step as they are recorded, and what they are.
  private static let phases: KeyValuePairs = [
    "sample": "sampling", "reward": "waiting for scores", "reference": "reference",
    "gradient": "gradient", "communicate": "averaging over ranks, waiting included",
    "update": "update",
  ]

  /// Goes on beside the others, on threads of its own.
  private static let phaseBeside = "scoring"

  var timeSection: HTML {
    let known = Self.phases.map(\.key) + [Self.phaseBeside]
    let others = run.steps.names(after: "seconds.").filter { !known.contains($0) }
    var parts = (Self.phases.map { ($0.key, $0.value) } + others.map { ($0, $0) })
      .compactMap { key, name in run.steps.sum("seconds.\(key)").map { (name: name, seconds: $0) } }
    let total = parts.reduce(0) { $0 + $1.seconds }
    let whole = run.summary?.number("seconds") ?? total
    if whole > total {
      parts.append((name: "evaluations and all else", seconds: whole - total))
    }
    guard let figure = StackedBar(parts: parts).figure else { return "" }
    let checkpoints: HTML =
      run.checkpoints.count == 0
      ? ""
      : """
      <p class="soft">\(Wording.count(run.checkpoints.count, "checkpoint")), \
      \(Wording.bytes(run.checkpoints.byteCount)) in all; training waited for them \
      \(Wording.duration(run.checkpoints.secondsBlocked)).</p>

      """
    let scoring = run.steps.sum("seconds.\(Self.phaseBeside)") ?? 0
    let beside =
      scoring >= 1 ? " Scoring took \(Wording.duration(scoring)) of threads beside them." : ""
    return section(
      "Time",
      """
      <p class="soft">Of rank 0, in the steps that count.\(beside)</p>
      \(figure)\(checkpoints)
      """)
  }

  // MARK: - Starts and faults

  /// The first and the last of many.
  private static let startLimits = (first: 5, last: 35)

  var startSection: HTML {
    let rows = run.launches.isEmpty ? run.starts.map(row) : run.launches.map(row)
    guard !rows.isEmpty else { return "" }
    let omitted = rows.count - Self.startLimits.first - Self.startLimits.last
    let gap: HTML = omitted > 0 ? "<tr><td colspan=\"5\">\(omitted) more</td></tr>\n" : ""
    let shown: HTML =
      omitted > 0
      ? "\(Array(rows.prefix(Self.startLimits.first)))\(gap)\(Array(rows.suffix(Self.startLimits.last)))"
      : "\(rows)"
    let head: HTML =
      run.launches.isEmpty
      ? "<th>start</th><th class=\"number\">from step</th><th class=\"number\">ranks</th>"
      : """
      <th>start</th><th class="number">took</th><th class="number">came to step</th>\
      <th class="number">saved</th><th>end</th>
      """
    return section(
      "Starts and faults",
      """
      <div class="wide"><table>
      <thead><tr>\(head)</tr></thead>
      <tbody>
      \(shown)</tbody></table></div>

      """)
  }

  private func row(_ start: RecordedStart) -> HTML {
    """
    <tr><td>\(start.time.map(Wording.time) ?? "–")</td><td class="number">\(start.step)</td>\
    <td class="number">\(start.rankCount.map { Wording.count($0) } ?? "–")</td></tr>

    """
  }

  private func row(_ launch: RecordedLaunch) -> HTML {
    func number(_ value: Int?) -> HTML {
      "<td class=\"number\">\(value.map { Wording.count($0) } ?? "–")</td>"
    }
    let hosts = launch.blamedHosts.prefix(20).joined(separator: ", ")
    let words = [
      Self.meaning(ofStatus: launch.status), launch.reason.map { String($0.prefix(2000)) },
      hosts.isEmpty ? nil : "blamed: \(hosts)",
    ].compactMap(\.self).joined(separator: "; ")
    return """
      <tr><td>\(launch.time.map(Wording.time) ?? "–")</td>\
      <td class="number">\(launch.seconds.map(Wording.duration) ?? "–")</td>\
      \(number(launch.step))\(number(launch.committedStep))<td class="text">\(words)</td></tr>

      """
  }

  /// What the exit status of `prdp train` means.
  private static func meaning(ofStatus status: Int?) -> String {
    switch status {
    case nil: "unknown"
    case 0?: "done"
    case 2?: "bad input (2)"
    case 3?: "a numerical stop (3)"
    case 75?: "a stuck rank, or weights that differ (75)"
    case 85?: "stopped and saved (85)"
    case let status?: "failed (\(status))"
    }
  }

  // MARK: - Scores

  var ledgerSection: HTML {
    guard let ledger = run.ledger, ledger.scoreCount > 0 else { return "" }
    let rows = ledger.components.sorted { $0.key < $1.key }.map { name, component -> HTML in
      let values =
        component.count == 0
        ? ["–", "–", "–"]
        : [component.sum / Double(component.count), component.least, component.greatest]
          .map(Wording.reward)
      return """
        <tr><td>\(name)</td><td class="number">\(Wording.count(component.count))</td>\
        <td class="number">\(Wording.count(component.missingCount))</td>\
        \(values.map { "<td class=\"number\">\($0)</td>" as HTML })</tr>

        """
    }
    let latency =
      ledger.timedCount == 0
      ? ""
      : ", waited for \(Wording.duration(ledger.seconds / Double(ledger.timedCount))) on average, "
        + "\(Wording.duration(ledger.greatestSeconds)) at most"
    return section(
      "Scores",
      """
      <p>\(Wording.count(ledger.scoreCount, "score")) in the ledger\(latency).</p>
      <div class="wide"><table>
      <thead><tr><th>reward</th><th class="number">scores</th><th class="number">missing</th>\
      <th class="number">mean</th><th class="number">least</th><th class="number">greatest</th>\
      </tr></thead>
      <tbody>
      \(rows)</tbody></table></div>

      """)
  }

  // MARK: - Configuration and notes

  var configurationSection: HTML {
    guard let text = run.configuration?.text else { return "" }
    return "<details>\n<summary>Configuration</summary>\n<pre>\(text)</pre>\n</details>\n"
  }

  var noteSection: HTML {
    let notes = run.notes.map { "<p>\($0)</p>\n" as HTML }
    return section("Notes", notes.isEmpty ? "" : "\(notes)")
  }
}
