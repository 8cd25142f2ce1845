/// An error that says how a process which it ends should exit.
public protocol ExitStatusError: Error {
  /// The exit status, 1 to 125; `nil` leaves it to the program.
  var exitStatus: UInt8? { get }
}

/// A failure that all ranks of a group know of, in the same words: all can take the same branch.
public struct AgreedFailure: Error, Equatable, CustomStringConvertible {
  /// One rank's part in it.
  public struct Cause: Equatable, Sendable {
    /// The rank that failed.
    public let rank: Int
    /// The machine that the rank runs on, where the ranks run on several.
    public let machine: String?
    /// What it says of it.
    public let message: String
    /// What the process should exit with, where the error says so.
    public let exitStatus: UInt8?
  }

  /// What each failing rank says, by rising rank; at least one.
  public let causes: [Cause]
  /// The number of ranks that agreed, failing or not.
  public let rankCount: Int

  /// The highest exit status that a rank's error asks for; `nil` where none does.
  public var exitStatus: UInt8? { causes.compactMap(\.exitStatus).max() }

  /// Each message once, with the ranks that gave it and their machines, where they run on several;
  /// ranks are left out where all say the same.
  public var description: String {
    var messages: [String] = []
    for cause in causes where !messages.contains(cause.message) { messages.append(cause.message) }
    return messages.map { message in
      let ranks = causes.filter { $0.message == message }
      guard ranks.count < rankCount else { return message }
      let list = ranks.map { cause in
        "\(cause.rank)" + (cause.machine.map { " on \($0)" } ?? "")
      }.joined(separator: ", ")
      return "\(ranks.count == 1 ? "rank" : "ranks") \(list): \(message)"
    }.joined(separator: "\n")
  }
}
