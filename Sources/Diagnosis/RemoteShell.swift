import Processes

/// The shell of another machine.
public struct RemoteShell: Sendable {
  /// How it is reached.
  let agent: RemoteAgent

  /// The shell that an agent talks to.
  public init(agent: RemoteAgent) {
    self.agent = agent
  }

  /// Runs a command in `folder` on `host`, whose shell reads none of it but as plain words.
  ///
  /// - Parameter host: A name that no program takes for an option.
  func command(_ command: [String], in folder: String, on host: String, connectSeconds: Int)
    -> ChildProcess
  {
    let line = command.map(Self.quoted).joined(separator: " ")
    return ChildProcess(
      agent.command(
        "cd \(Self.quoted(folder)) && exec \(line)", on: host, connectSeconds: connectSeconds))
  }

  /// A word that a POSIX shell reads as it is.
  static func quoted(_ word: String) -> String {
    "'" + word.replacing("'", with: #"'\''"#) + "'"
  }
}
