import Foundation

/// A program that was started in a process group of its own.
///
/// So a signal that a terminal sends to all that runs in it comes to the launcher alone, and the
/// program has every signal's default disposition: started by a script in the background it would
/// ignore interrupts.
struct ChildProcess {
  /// How a program ended.
  enum End: Equatable {
    case exited(Int32)
    case killed(bySignal: Int32)

    /// As a shell says it: 128 and the signal's number where a signal ended it.
    var status: Int32 {
      switch self {
      case .exited(let status): status
      case .killed(let signal): 128 + signal
      }
    }
  }

  let id: pid_t

  /// Starts a program, with nothing to read and this process's outputs.
  ///
  /// - Parameter environment: `NAME=value` each.
  /// - Throws: ``SupervisionError``.
  init(_ words: [String], environment: [String]) throws(SupervisionError) {
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    var all = sigset_t()
    sigemptyset(&none)
    sigfillset(&all)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setsigdefault(&attributes, &all)
    posix_spawnattr_setpgroup(&attributes, 0)
    posix_spawnattr_setflags(
      &attributes,
      Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP))
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)

    var arguments = words.map { strdup($0) } + [nil]
    var variables = environment.map { strdup($0) } + [nil]
    defer { (arguments + variables).forEach { free($0) } }
    var id: pid_t = 0
    let code = posix_spawn(&id, words[0], &actions, &attributes, &arguments, &variables)
    guard code == 0 else {
      throw SupervisionError(words[0], failed: "a program that can be started", errno: code)
    }
    self.id = id
  }

  /// How it ended; `nil` while it runs.
  func end() -> End? {
    var status: CInt = 0
    guard waitpid(id, &status, WNOHANG) == id else { return nil }
    let signal = status & 0x7F
    return signal == 0 ? .exited((status >> 8) & 0xFF) : .killed(bySignal: signal)
  }

  /// Ends it at once, and waits for that.
  func kill() {
    send(SIGKILL)
    var status: CInt = 0
    waitpid(id, &status, 0)
  }

  /// Where a program lies, among the folders of a PATH; `nil` where it is in none.
  static func path(of name: String, in path: String) -> String? {
    if name.contains("/") { return access(name, X_OK) == 0 ? name : nil }
    let candidates: [String] = path.split(separator: ":").map { "\($0)/\(name)" }
    return candidates.first { access($0, X_OK) == 0 }
  }

  func send(_ signal: CInt) { Foundation.kill(id, signal) }

  /// Ends all processes of this machine that have a text in their environment: what mpirun started
  /// and, killed itself, could not end.
  static func killAll(withEnvironment text: String) {
    let wanted = Data(text.utf8)
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    for id in names.compactMap(pid_t.init) where id != getpid() {
      guard let environment = FileManager.default.contents(atPath: "/proc/\(id)/environ"),
        environment.range(of: wanted) != nil
      else { continue }
      Foundation.kill(id, SIGKILL)
    }
  }
}
