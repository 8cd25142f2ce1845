import Planning

/// Judges what `prdp bench network` measured between the machines of a run.
enum NetworkJudgement {
  /// A finding for each pair of hosts, and one for all of them.
  static func findings(_ report: NetworkReport) -> [Finding] {
    let links = report.links
    let bandwidths = links.map(\.bandwidth).sorted()
    let latencies = links.map(\.latency).sorted()
    var findings = report.pairs.map { pair -> Finding in
      let name = pair.hosts.joined(separator: " - ")
      let found = "\(byteText(pair.bandwidth))/s each way, latency \(secondsText(pair.latency))"
      guard let best = bandwidths.last, let least = latencies.first,
        pair.hosts[0] != pair.hosts[1]
      else { return Finding(.ok, "", "network", "\(name): \(found)") }
      if pair.bandwidth < best / 2 {
        return Finding(
          .warn, "", "network", "\(name): \(found), where the best has \(byteText(best))/s",
          advice: "an exchange is as slow as its slowest link: look at cables, and at "
            + "cluster.network")
      }
      if pair.latency > 10 * least {
        return Finding(
          .warn, "", "network", "\(name): \(found), where the least is \(secondsText(least))",
          advice: "look for a longer way, or a busy host")
      }
      return Finding(.ok, "", "network", "\(name): \(found)")
    }
    if let sum = report.allReduce.last {
      findings.append(
        Finding(
          .ok, "", "network",
          "\(report.rankCount) ranks sum \(byteText(sum.byteCount)) in \(secondsText(sum.seconds))")
      )
    }
    return findings
  }
}
