import Foundation

extension RunPlan {
  /// The plan for a person: what holds for all, then a line for each number of ranks.
  public func text(rankCounts: [Int]) -> String {
    let rows = rankCounts.map(row)
    return (facts + [""] + memory(rows) + [""] + disk(rows) + [""] + table(rows))
      .map { $0 + "\n" }.joined()
  }

  private var facts: [String] {
    let (method, buckets) = (workload, exchange.buckets.count)
    let images = method.promptsPerEpoch * method.imagesPerPrompt
    var lines = [
      "epoch     \(method.promptsPerEpoch) prompts of \(method.imagesPerPrompt) images: \(images) "
        + "images; \(counted(method.innerSteps, "optimiser step"))",
      "prompt    \(method.imagesPerPrompt * method.trainedSteps) samples in "
        + "\(counted(method.microBatchesPerPrompt, "micro-batch", "micro-batches")) of "
        + "\(method.microBatch)",
      "gradient  \(exchange.elementCount) elements, \(byteText(exchange.byteCount)) in "
        + "\(counted(buckets, "bucket"))",
    ]
    if let compute {
      lines.append(
        "compute   a prompt: sampling \(secondsText(compute.samplePerPrompt)), gradient "
          + "\(secondsText(compute.gradientPerPrompt)), of it forward "
          + "\(secondsText(compute.forwardPerPrompt)); an update "
          + secondsText(compute.updatePerStep))
    } else {
      lines.append("compute   not known: --measure, --from or --compute-seconds gives the times")
    }
    if let network {
      lines.append(
        "network   \(byteText(network.bandwidth))/s a host each way, latency "
          + secondsText(network.latency))
    } else {
      lines.append(
        "network   not known: times are without it; --network, or --bandwidth and --latency")
    }
    return lines
  }

  private func memory(_ rows: [Row]) -> [String] {
    guard let first = rows.first else { return [] }
    let (total, parts) = (first.memory.reduce(0) { $0 + $1.byteCount }, first.memory)
    let lines = parts.map { part in
      "  \(padded(part.name, 14))\(padded(byteText(part.byteCount), -9))  "
        + "\(padded(part.place.rawValue, 8))\(part.basis.rawValue)"
    }
    let missing =
      activationByteCount == nil ? ["  activations   not known: --measure measures them"] : []
    return ["memory of each of \(counted(first.rankCount, "rank")), beside the program itself"]
      + lines + missing
      + ["  \(padded("in all", 14))\(padded(byteText(total), -9))"]
  }

  private func disk(_ rows: [Row]) -> [String] {
    guard let first = rows.first else { return [] }
    return [
      "disk",
      "  checkpoint    \(padded(byteText(first.disk.checkpointByteCount), -9))",
      "  retained      \(padded(byteText(first.disk.retainedByteCount), -9))  "
        + "\(keptCheckpointCount) and one being written",
      "  in flight     \(padded(byteText(first.disk.inFlightBytesPerRank), -9))  "
        + "of each of \(counted(first.rankCount, "rank"))",
    ]
  }

  private func table(_ rows: [Row]) -> [String] {
    let heads = [
      "ranks", "hosts", "prompts", "idle", "host sends", "an epoch", "memory", "sampling",
      "gradient", "exchange", "update", "epoch", "images/s", "efficiency",
    ]
    let units = ["", "", "a rank", "", "a step", "", "a rank"]
    let cells = rows.map { row -> [String] in
      let memory = byteText(row.memory.reduce(0) { $0 + $1.byteCount })
      let start = ["\(row.rankCount)", "\(row.hostCount)"]
      guard let geometry = row.geometry else { return start + ["more ranks than prompts"] }
      let traffic = [
        "\(geometry.largestShare)", percentText(geometry.idleFraction),
        byteText(row.bytesPerHostAndStep), byteText(row.bytesPerHostAndEpoch), memory,
      ]
      guard let seconds = row.seconds, let efficiency = row.efficiency else {
        return start + traffic
      }
      let images = Double(workload.promptsPerEpoch * workload.imagesPerPrompt)
      let times = [
        seconds.sample, seconds.gradient, seconds.communicate, seconds.update, seconds.total,
      ].map(secondsText)
      return start + traffic + times
        + [String(format: "%.1f", images / seconds.total), percentText(efficiency)]
    }
    let columnCount = cells.map(\.count).max() ?? 0
    let shown = [Array(heads.prefix(columnCount)), Array(units.prefix(columnCount))] + cells
    // A sentence in place of cells does not widen its column.
    let widths = (0..<columnCount).map { column in
      shown.filter { $0.count > column + 1 || $0.count == columnCount }
        .map { $0[column].count }.max() ?? 0
    }
    return shown.map { line in
      let text = line.enumerated().map { padded($1, -widths[$0]) }.joined(separator: "  ")
      return String(text.reversed().drop { $0 == " " }.reversed())
    }
  }
}

/// `1 rank`, `2 ranks`.
private func counted(_ count: Int, _ name: String, _ plural: String? = nil) -> String {
  "\(count) \(count == 1 ? name : plural ?? name + "s")"
}

/// Bytes with three digits, in powers of a thousand.
public func byteText(_ count: some BinaryInteger) -> String { byteText(Double(count)) }

/// Bytes with three digits, in powers of a thousand.
public func byteText(_ count: Double) -> String {
  var (value, index) = (count, 0)
  let units = ["B", "kB", "MB", "GB", "TB", "PB"]
  // 999.5 would be written as 1000.
  while value >= 999.5 && index < units.count - 1 { (value, index) = (value / 1000, index + 1) }
  return threeDigits(value) + " " + units[index]
}

/// Seconds with three digits, in the unit that suits them.
public func secondsText(_ seconds: Double) -> String {
  switch seconds {
  case 0: "0 s"
  case ..<0.9995e-3: threeDigits(seconds * 1e6) + " us"
  case ..<0.9995: threeDigits(seconds * 1e3) + " ms"
  default: threeDigits(seconds) + " s"
  }
}

private func threeDigits(_ value: Double) -> String {
  String(format: value >= 99.95 || value == 0 ? "%.0f" : value >= 9.995 ? "%.1f" : "%.2f", value)
}

private func percentText(_ fraction: Double) -> String { String(format: "%.0f %%", fraction * 100) }

/// Fills up with spaces: behind, or with a negative width before.
private func padded(_ text: String, _ width: Int) -> String {
  let space = String(repeating: " ", count: max(0, abs(width) - text.count))
  return width < 0 ? space + text : text + space
}
