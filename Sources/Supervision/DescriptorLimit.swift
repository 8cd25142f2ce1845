import Foundation

/// How many files and connections this process may have open.
public enum DescriptorLimit {
  /// Enough for any cluster; a program that goes through all numbers that it could have open would
  /// take seconds with a limit of a thousand million.
  private static let enough: rlim_t = 65_536

  /// Raises what is in force towards what is allowed; the programs that are started have it too.
  ///
  /// - Returns: What is in force now.
  @discardableResult
  public static func raise() -> Int {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return .max }
    let wanted = max(limit.rlim_cur, min(limit.rlim_max, enough))
    var raised = rlimit(rlim_cur: wanted, rlim_max: limit.rlim_max)
    if wanted > limit.rlim_cur,
      setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &raised) == 0
    {
      limit = raised
    }
    return Int(clamping: limit.rlim_cur)
  }

  /// Refuses to listen to more ranks than there can be connections.
  ///
  /// - Parameter limit: What is in force.
  /// - Throws: ``SupervisionError``.
  static func check(_ limit: Int, rankCount: Int) throws(SupervisionError) {
    let needed = rankCount + forEverythingElse
    guard limit >= needed else {
      throw SupervisionError(
        "ulimit -n", expected: "at least \(needed), for a connection to each rank",
        found: "\(limit)", advice: "raise it with ulimit -n \(needed), or launch fewer ranks")
    }
  }

  private static let forEverythingElse = 32
}
