import MPI

/// One fact about the communicator that all ranks check together.
public struct RankCheck: Sendable {
  /// The fact, in words.
  public let name: String
  /// Calls collectives and records what is not as it should be. It never leaves early: the ranks
  /// would no longer call the same collectives.
  public let body: @Sendable (_ world: Communicator, _ findings: inout Findings) throws -> Void

  /// A check that ``runChecks(_:on:)`` runs.
  public init(
    _ name: String, _ body: @escaping @Sendable (Communicator, inout Findings) throws -> Void
  ) {
    self.name = name
    self.body = body
  }
}

/// What one rank found wrong in a check.
public struct Findings {
  /// In the order they were found.
  public private(set) var messages: [String] = []

  /// Records a difference between `actual` and `expected`.
  public mutating func expect<T: Equatable>(_ actual: T, equals expected: T, _ what: String) {
    guard actual != expected else { return }
    messages.append("\(what): expected \(excerpt(expected)), got \(excerpt(actual))")
  }

  private func excerpt<T>(_ value: T) -> String {
    String(String(describing: value).prefix(200))
  }
}

/// Runs every check on all ranks, reports on rank 0, and returns whether all passed on all ranks.
public func runChecks(_ checks: [RankCheck], on world: Communicator) throws -> Bool {
  var failedCount = 0
  for check in checks {
    var findings = Findings()
    try check.body(world, &findings)
    let message = findings.messages.isEmpty ? nil : findings.messages.joined(separator: "; ")
    guard let failure = try world.agree(onFailure: message) else { continue }
    failedCount += 1
    if world.rank == 0 { print("failed: \(check.name)\n\(failure)") }
  }
  if world.rank == 0 { print("\(checks.count - failedCount) passed, \(failedCount) failed") }
  return failedCount == 0
}
