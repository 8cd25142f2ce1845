import Foundation
import Processes

/// Programs that run beside each other, each until it ends or its time is up.
public struct ChildProcess: Sendable {
  /// How one ended.
  public struct End: Sendable, Equatable {
    /// The exit status; `nil` where the time was up.
    public let status: Int32?
    /// Standard output.
    public let output: String
    /// Standard error.
    public let errors: String
    /// Seconds since 1970 when it was started.
    public let start: Double
    /// Seconds until it ended.
    public let seconds: Double

    /// The last line of standard error that says something.
    public var complaint: String {
      errors.split(whereSeparator: \.isNewline).map { $0.trimmingCharacters(in: .whitespaces) }
        .last { !$0.isEmpty } ?? "nothing on standard error"
    }
  }

  /// The program, looked for in PATH, and its arguments; no shell reads them.
  public let words: [String]

  /// A program to be run.
  public init(_ words: [String]) {
    self.words = words
  }

  /// Runs all at once, without standard input.
  ///
  /// - Parameters:
  ///   - environment: Their variables.
  ///   - limit: Seconds after which those that still run are ended.
  /// - Returns: Their ends, in the order of `children`.
  /// - Throws: ``DiagnosisError`` where one cannot be started.
  public static func run(
    in environment: [String: String] = ProcessInfo.processInfo.environment,
    _ children: [ChildProcess], limit: Double
  ) throws -> [End] {
    let running = try children.map { try Running($0, environment) }
    // All are asked, as the time of an end is that of the question.
    while !running.filter({ !$0.isDone && $0.seconds <= limit }).isEmpty { usleep(10_000) }
    return running.map { $0.end() }
  }

  private final class Running {
    private let id: pid_t
    private let start = Date().timeIntervalSince1970
    private let clock = ContinuousClock.now
    private var status: Int32?
    private var secondsToEnd: Double?
    /// Files, since nobody reads a pipe before the end.
    private let files: [FileHandle]

    var seconds: Double { (ContinuousClock.now - clock) / .seconds(1) }

    var isDone: Bool {
      var raw: CInt = 0
      if status == nil, waitpid(id, &raw, WNOHANG) == id {
        status = ProcessEnd(raw: raw).status
        secondsToEnd = seconds
      }
      return status != nil
    }

    init(_ child: ChildProcess, _ environment: [String: String]) throws {
      let files = try [0, 1].map { _ in try Self.unnamedFile() }
      self.files = files
      let name = child.words[0]
      guard let path = ProcessStart.path(of: name, in: environment["PATH"] ?? "") else {
        throw DiagnosisError.notStarted(
          program: name, reason: String(cString: strerror(ENOENT)))
      }
      var start = ProcessStart(
        [path] + child.words.dropFirst(), environment: environment.map { "\($0.key)=\($0.value)" })
      start.streams = [nil] + files.map(\.fileDescriptor)
      // An interrupt ends them as it ends this program.
      start.leadsGroup = false
      do {
        id = try start.run()
      } catch {
        throw DiagnosisError.notStarted(
          program: name, reason: String(cString: strerror(error.code)))
      }
    }

    /// Ends it where it still runs.
    func end() -> End {
      let endedByItself = isDone
      for (signal, waitCount) in [(SIGTERM, 100), (SIGKILL, 100)] where !isDone {
        kill(id, signal)
        for _ in 0..<waitCount where !isDone { usleep(10_000) }
      }
      let texts = files.map { file -> String in
        // What cannot be read was not said.
        try? file.seek(toOffset: 0)
        return String(decoding: (try? file.read(upToCount: 1 << 20)) ?? Data(), as: UTF8.self)
      }
      return End(
        status: endedByItself ? status : nil, output: texts[0], errors: texts[1], start: start,
        seconds: secondsToEnd ?? seconds)
    }

    private static func unnamedFile() throws -> FileHandle {
      var name = Array("\(NSTemporaryDirectory())/prdp-XXXXXX".utf8CString)
      let descriptor = mkstemp(&name)
      guard descriptor >= 0 else {
        throw DiagnosisError.file(
          path: NSTemporaryDirectory(), expected: "room for a file", reason: systemReason())
      }
      unlink(name)
      // The children get their own copies, and none of another's.
      _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
      return FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    }
  }
}
