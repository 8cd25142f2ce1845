import Foundation
import Processes

/// A program that was started in a process group of its own, with nothing to read: a signal that a
/// terminal sends to all that runs in it comes to the launcher alone.
struct ChildProcess {
  let id: pid_t

  /// Starts a program.
  ///
  /// - Parameter environment: `NAME=value` each.
  /// - Throws: ``SupervisionError``.
  init(_ words: [String], environment: [String]) throws(SupervisionError) {
    do {
      id = try ProcessStart(words, environment: environment).run()
    } catch {
      throw SupervisionError(words[0], failed: "a program that can be started", errno: error.code)
    }
  }

  /// How it ended; `nil` while it runs.
  func end() -> ProcessEnd? {
    var status: CInt = 0
    return waitpid(id, &status, WNOHANG) == id ? ProcessEnd(raw: status) : nil
  }

  /// Ends it at once, and waits for that.
  func kill() {
    send(SIGKILL)
    var status: CInt = 0
    waitpid(id, &status, 0)
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
