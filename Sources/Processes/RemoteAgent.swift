import Foundation

/// The program by which another machine is reached, as Open MPI reaches it.
public struct RemoteAgent: Sendable, Equatable {
  /// The program and its options.
  public let words: [String]

  /// OpenSSH, wherever it is.
  public static let ssh = RemoteAgent(words: ["ssh"])

  private init(words: [String]) {
    self.words = words
  }

  /// The first of several agents, with colons between them, that is there.
  ///
  /// - Parameters:
  ///   - stated: What Open MPI's plm_rsh_agent is set to; `nil` where only the environment may say it.
  ///   - environment: Names one in `OMPI_MCA_plm_rsh_agent`; ssh where it does not.
  /// - Returns: `nil` where there is none.
  public init?(stated: String?, environment: [String: String]) {
    let text = stated ?? environment["OMPI_MCA_plm_rsh_agent"] ?? ""
    let alternatives = text.split(separator: ":").map {
      $0.split(separator: " ").map(String.init)
    }.filter { !$0.isEmpty }
    let agents = (alternatives.isEmpty ? [["ssh"]] : alternatives).lazy.compactMap { words in
      ProcessStart.path(of: words[0], in: environment["PATH"] ?? "").map {
        [$0] + words.dropFirst()
      }
    }
    guard let agent = agents.first else { return nil }
    words = agent
  }

  /// The command line that runs `command` on a host, as the remote shell reads it.
  ///
  /// - Parameters:
  ///   - host: A name that no program takes for an option.
  ///   - connectSeconds: What OpenSSH tries for; others have no such option.
  public func command(_ command: String, on host: String, connectSeconds: Int) -> [String] {
    let options =
      (words[0] as NSString).lastPathComponent == "ssh"
      ? ["-o", "BatchMode=yes", "-o", "ConnectTimeout=\(connectSeconds)"] : []
    return words + options + [host, command]
  }
}
