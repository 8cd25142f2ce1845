import Foundation

/// Why a program could not be started.
public struct ProcessStartFailure: Error, Equatable {
  /// What the system said, as in errno.
  public let code: CInt
}

/// A program to be started. Foundation's Process may not notice an end before another child's, and
/// leaves descriptors open.
public struct ProcessStart: Sendable {
  /// The path of the program, and its arguments; no shell reads them.
  public var words: [String]
  /// `NAME=value` each.
  public var environment: [String]
  /// What becomes standard input, output and error; /dev/null for nil.
  public var streams: [CInt?] = [nil, STDOUT_FILENO, STDERR_FILENO]
  /// Whether it leads a process group of its own, so that a signal that a terminal sends to all that
  /// runs in it does not come to it.
  public var leadsGroup = true
  /// Descriptors below this, the standard ones apart, are closed for it.
  public var closedBelow: CInt = 0

  /// A program with nothing to read, and this process's outputs.
  public init(_ words: [String], environment: [String]) {
    precondition(!words.isEmpty, "a program has a name")
    self.words = words
    self.environment = environment
  }

  /// Starts it with every signal's default disposition and none blocked: started by a script in the
  /// background it would ignore interrupts.
  ///
  /// - Returns: The process, which must be waited for.
  public func run() throws(ProcessStartFailure) -> pid_t {
    precondition(streams.count == 3, "there are three standard streams")
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
      Int16(
        POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | (leadsGroup ? POSIX_SPAWN_SETPGROUP : 0)))

    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    for (stream, descriptor) in zip(CInt(0)..., streams) {
      if let descriptor {
        posix_spawn_file_actions_adddup2(&actions, descriptor, stream)
      } else {
        posix_spawn_file_actions_addopen(&actions, stream, "/dev/null", O_RDWR, 0)
      }
    }
    for descriptor in 3..<max(3, closedBelow) {
      posix_spawn_file_actions_addclose(&actions, descriptor)
    }

    var arguments = words.map { strdup($0) } + [nil]
    var variables = environment.map { strdup($0) } + [nil]
    defer { (arguments + variables).forEach { free($0) } }
    var id: pid_t = 0
    let code = posix_spawn(&id, words[0], &actions, &attributes, &arguments, &variables)
    guard code == 0 else { throw ProcessStartFailure(code: code) }
    return id
  }

  /// Where a program lies, among the folders of a PATH; `nil` where none is that can be run.
  public static func path(of name: String, in path: String) -> String? {
    guard !name.isEmpty else { return nil }
    let candidates =
      name.contains("/") ? [name] : path.split(separator: ":").map { "\($0)/\(name)" }
    return candidates.first { candidate in
      var status = stat()
      return stat(candidate, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
        && access(candidate, X_OK) == 0
    }
  }
}

/// How a program ended.
public enum ProcessEnd: Sendable, Equatable {
  case exited(Int32)
  case killed(bySignal: Int32)

  /// As waitpid has it.
  public init(raw status: CInt) {
    let signal = status & 0x7F
    self = signal == 0 ? .exited((status >> 8) & 0xFF) : .killed(bySignal: signal)
  }

  /// As a shell says it: 128 and the signal's number where a signal ended it.
  public var status: Int32 {
    switch self {
    case .exited(let status): status
    case .killed(let signal): 128 + signal
    }
  }
}
