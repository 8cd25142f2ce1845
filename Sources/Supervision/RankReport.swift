/// What the ranks do, and which of them is to blame: read from their last signs of life.
struct RankReport: Sendable {
  let sightings: [Int: Sighting]
  /// The host of each rank as the command says it, by rank.
  let hosts: [String?]
  let now: SuspendingClock.Instant

  /// What ranks of a host have in common that are named together.
  private struct Place: Hashable {
    let host: String
    let isSilent: Bool
    let operation: String
    let step: Int
  }

  /// Ranks that were never heard of.
  var missing: [Int] { hosts.indices.filter { sightings[$0] == nil } }

  /// Whether every rank has said good-bye.
  var areAllFinished: Bool {
    sightings.count == hosts.count && sightings.values.allSatisfy { $0.beat.condition == .finished }
  }

  /// Ranks that were heard of and have given no sign of life for longer than `limit` seconds.
  func silent(forLongerThan limit: Double) -> [Int] {
    sightings.filter {
      $0.value.beat.condition != .finished && (now - $0.value.lastSign) / .seconds(1) > limit
    }.map(\.key).sorted()
  }

  /// The optimiser steps taken when it ended, as far as is known.
  var step: Int? { sightings.values.map(\.beat.step).max() }

  /// The host as a person knows it: the configuration's name, else what the rank calls it.
  func host(of rank: Int) -> String {
    hosts[rank] ?? sightings[rank]?.beat.host ?? "this machine"
  }

  /// `rank 1 (h2): scoring, step 12, for 31 s; ranks 0, 2 (h1): waiting for the other ranks, step 12,
  /// for 30 s`, those that have been at it the longest first.
  var text: String {
    let lost = Set(silent(forLongerThan: Self.silenceWorthSaying))
    var groups: [Place: (ranks: [Int], seconds: Double)] = [:]
    for (rank, sighting) in sightings.sorted(by: { $0.key < $1.key }) {
      let isLost = lost.contains(rank)
      let place = Place(
        host: host(of: rank), isSilent: isLost, operation: sighting.beat.operation,
        step: sighting.beat.step)
      let seconds =
        isLost
        ? (now - sighting.lastSign) / .seconds(1) : sighting.secondsInOperation(at: now)
      let group = groups[place] ?? ([], 0)
      groups[place] = (group.ranks + [rank], max(group.seconds, seconds))
    }
    let parts = groups.sorted {
      ($1.value.seconds, $0.value.ranks[0]) < ($0.value.seconds, $1.value.ranks[0])
    }.map { place, group in
      let seconds = Int(group.seconds)
      return namedWithHosts(group.ranks)
        + (place.isSilent
          ? ": silent for \(seconds) s, last \(place.operation), step \(place.step)"
          : ": \(place.operation), step \(place.step), for \(seconds) s")
    }
    let unheard = missing.isEmpty ? [] : [namedWithHosts(missing) + ": never heard of"]
    return (parts + unheard).joined(separator: "; ")
  }

  /// `rank 1 (h2)` or `ranks 0, 2 (h1), 3 (h2)`.
  func namedWithHosts(_ ranks: [Int]) -> String {
    let byHost = Dictionary(grouping: ranks, by: host(of:))
    let parts = byHost.sorted { $0.value[0] < $1.value[0] }.map {
      $0.value.map(String.init).joined(separator: ", ") + " (\($0.key))"
    }
    return (ranks.count == 1 ? "rank " : "ranks ") + parts.joined(separator: ", ")
  }

  /// The ranks that a failure began with, where that can be seen: those that found themselves
  /// stalled, else those that were gone before the others.
  var culprits: [Int] {
    let stalled = sightings.filter { $0.value.beat.condition == .stalled }.mapValues {
      $0.receivedAt - .seconds($0.beat.seconds)
    }
    // Those that wait for a rank which is stuck began after it.
    if let first = stalled.values.min() {
      return stalled.filter { $0.value - first < .seconds(Self.secondsTogether) }.map(\.key)
        .sorted()
    }
    let ends = sightings.filter { $0.value.beat.condition == .alive }.mapValues { sighting in
      // One whose connection stands could have given its next sign a second later.
      sighting.closedAt ?? sighting.receivedAt + .seconds(Self.secondsBetweenBeats)
    }
    guard let first = ends.values.min() else { return [] }
    // Of two whose connections stand the one that gave its last sign earlier may have gone later.
    let firstStands = ends.contains { $0.value == first && sightings[$0.key]?.closedAt == nil }
    let early = ends.filter { rank, end in
      let isUncertain = firstStands && sightings[rank]?.closedAt == nil
      return end - first
        < .seconds(Self.secondsTogether + (isUncertain ? Self.secondsBetweenBeats : 0))
    }.map(\.key).sorted()
    let isCertain = early.count < ends.count || Set(early.map(host(of:))).count == 1
    return isCertain ? early : []
  }

  private static let silenceWorthSaying = 3.0
  private static let secondsBetweenBeats = 1.0
  /// mpirun ends the others within a second or more of the first.
  private static let secondsTogether = 0.2
}
