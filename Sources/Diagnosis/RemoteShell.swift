import Foundation

/// The program by which another machine is reached, as Open MPI reaches it.
public struct RemoteShell: Sendable, Equatable {
  /// The program and its options.
  let words: [String]

  /// The agent that `OMPI_MCA_plm_rsh_agent` names, with its options, or ssh.
  public init(environment: [String: String]) {
    let agent = environment["OMPI_MCA_plm_rsh_agent"] ?? ""
    let words = agent.split(separator: " ").map(String.init)
    self.words = words.isEmpty ? ["ssh"] : words
  }

  /// Runs a command in `folder` on `host`, whose shell reads none of it but as plain words.
  ///
  /// - Parameter host: A name that no program takes for an option.
  func command(_ command: [String], in folder: String, on host: String, connectSeconds: Int)
    -> ChildProcess
  {
    // Only OpenSSH has these.
    let options =
      (words[0] as NSString).lastPathComponent == "ssh"
      ? ["-o", "BatchMode=yes", "-o", "ConnectTimeout=\(connectSeconds)"] : []
    let line = command.map(Self.quoted).joined(separator: " ")
    let text = "cd \(Self.quoted(folder)) && exec \(line)"
    return ChildProcess(words + options + [host, text])
  }

  /// A word that a POSIX shell reads as it is.
  static func quoted(_ word: String) -> String {
    "'" + word.replacingOccurrences(of: "'", with: #"'\''"#) + "'"
  }
}
