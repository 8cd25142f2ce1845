import Foundation
import Planning

/// What MPI makes of the network between some ranks, as `prdp bench network` measured it.
public struct NetworkReport: Codable, Sendable, Equatable {
  /// Two ranks that sent each other messages while the others waited.
  public struct Pair: Codable, Sendable, Equatable {
    /// The hosts of the two; equal where both are on one.
    public let hosts: [String]
    /// Seconds of a message of one byte, one way.
    public let latency: Double
    /// Bytes per second, each way, while both send.
    public let bandwidth: Double

    /// Figures of a pair.
    public init(hosts: [String], latency: Double, bandwidth: Double) {
      self.hosts = hosts
      self.latency = latency
      self.bandwidth = bandwidth
    }
  }

  /// A collective of all ranks.
  public struct Collective: Codable, Sendable, Equatable {
    /// Bytes of each rank's elements.
    public let byteCount: Int
    /// Seconds until the last rank had its result: the median.
    public let seconds: Double

    /// Bytes of a rank's elements per second.
    public var bandwidth: Double { Double(byteCount) / seconds }
  }

  /// The ranks that measured.
  public let rankCount: Int
  /// The hosts, in the order of their first ranks.
  public let hosts: [String]
  /// Each host with the next one, the last with the first; then two ranks of one host where there
  /// are such.
  public let pairs: [Pair]
  /// Sums of `Float`, by rising size.
  public let allReduce: [Collective]
  /// Elements of a gradient that a rank packs, adds up and unpacks in a second while all others do;
  /// `nil` where nobody measured it.
  public var elementRate: Double?

  /// Reads what `prdp bench network --json` wrote.
  ///
  /// - Throws: ``DiagnosisError``.
  public init(contentsOf path: String) throws {
    guard let contents = FileManager.default.contents(atPath: path) else {
      throw DiagnosisError.notFigures(path: path, reason: "no such file, or not readable")
    }
    do {
      self = try JSONDecoder().decode(Self.self, from: contents)
    } catch {
      throw DiagnosisError.notFigures(
        path: path, reason: "not what prdp bench network --json writes")
    }
  }

  /// The pairs of different hosts.
  public var links: [Pair] { pairs.filter { $0.hosts[0] != $0.hosts[1] } }

  /// The figures that a plan takes: the slowest link sets the pace of an exchange. Where all ranks
  /// are on one host, there is no link, and what is within the host stands for it.
  public var figures: NetworkFigures? {
    let local = pairs.first { $0.hosts[0] == $0.hosts[1] }
    let between = links.isEmpty ? pairs : links
    guard let bandwidth = between.map(\.bandwidth).min(),
      let latency = between.map(\.latency).max()
    else { return nil }
    return NetworkFigures(
      bandwidth: bandwidth, latency: latency, localBandwidth: local?.bandwidth,
      elementRate: elementRate)
  }

  init(rankCount: Int, hosts: [String], pairs: [Pair], allReduce: [Collective]) {
    self.rankCount = rankCount
    self.hosts = hosts
    self.pairs = pairs
    self.allReduce = allReduce
  }

  /// The figures for a person.
  public var text: String {
    var lines = ["\(rankCount) ranks on \(hosts.count) \(hosts.count == 1 ? "host" : "hosts")"]
    let names = pairs.map { $0.hosts.joined(separator: " - ") }
    let width = max(9, names.map(\.count).max() ?? 0)
    lines.append("\(filled("between", width))      latency    each way")
    for (name, pair) in zip(names, pairs) {
      lines.append(
        "\(filled(name, width))  \(filled(secondsText(pair.latency), -11))  "
          + filled("\(byteText(pair.bandwidth))/s", -10))
    }
    lines.append("\(filled("all-reduce", width))         time   bandwidth")
    for size in allReduce {
      lines.append(
        "\(filled(byteText(size.byteCount), width))  \(filled(secondsText(size.seconds), -11))  "
          + filled("\(byteText(size.bandwidth))/s", -10))
    }
    return lines.map { $0 + "\n" }.joined()
  }
}

/// Fills up with spaces: behind, or with a negative width before.
func filled(_ text: String, _ width: Int) -> String {
  let space = String(repeating: " ", count: max(0, abs(width) - text.count))
  return width < 0 ? space + text : text + space
}
