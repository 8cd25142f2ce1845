import Foundation
import Processes

/// A program that answers lines with lines, in a process group of its own.
///
/// It inherits no descriptor but its standard streams. A guardian, a shell that waits for a pipe to
/// be closed, kills the whole group when this process ends in whatever way: `PR_SET_PDEATHSIG` would
/// not reach what the program starts, and would strike when the thread ends that started it.
final class CommandProcess {
  private let id: pid_t
  private let guardian: pid_t
  private let input: CInt
  private let output: CInt
  private let errors: CInt
  /// Nothing is ever written to it: it is closed when this process ends.
  private let leash: CInt
  /// Where requests may leave files; goes with the program.
  let folder: String?
  private let passOn: (String) -> Void
  private var errorLine = Data()
  private var lastErrorLine = ""
  /// Lines passed on since the last request.
  private var errorLineCount = 0
  private var isErrorsOpen = true
  /// How it ended, in words.
  private var end: String?

  /// Bytes of a line that is passed on, and lines for each request.
  private static let errorByteLimit = 1000
  private static let errorLineLimit = 100
  /// Seconds in which a program whose standard input ended may end by itself.
  private static let grace = 2.0

  /// Starts a program.
  ///
  /// - Parameters:
  ///   - words: Its path and its arguments.
  ///   - environment: `NAME=value` each.
  ///   - makesFolder: Whether it gets a folder for files.
  ///   - passOn: Is given each line that it writes to standard error.
  init(
    _ words: [String], environment: [String], makesFolder: Bool,
    passOn: @escaping (String) -> Void
  ) throws(ServiceFailure) {
    self.passOn = passOn
    folder = makesFolder ? try Self.newFolder() : nil
    let folder = folder
    func couldNot(_ what: String, _ code: CInt) -> ServiceFailure {
      if let folder { try? FileManager.default.removeItem(atPath: folder) }
      return ServiceFailure("could not be \(what): \(String(cString: strerror(code)))")
    }
    guard let pipes = Self.newPipes(4) else {
      throw couldNot("given a pipe, see ulimit -n", errno)
    }
    (input, output, errors) = (pipes[0].write, pipes[1].read, pipes[2].read)
    leash = pipes[3].write
    let owned = [input, output, errors, leash]
    defer { [pipes[0].read, pipes[1].write, pipes[2].write, pipes[3].read].forEach { close($0) } }
    for descriptor in [input, output, errors] {
      _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
    }
    // None but its streams, also where others were opened without telling so.
    func start(_ words: [String], _ streams: [CInt?]) throws(ProcessStartFailure) -> pid_t {
      var start = ProcessStart(words, environment: environment)
      start.streams = streams
      start.closedBelow = Self.descriptorLimit
      return try start.run()
    }
    do {
      id = try start(words, [pipes[0].read, pipes[1].write, pipes[2].write])
    } catch {
      owned.forEach { close($0) }
      throw couldNot("started", error.code)
    }
    let script =
      "trap '' HUP INT TERM; while read -r line; do :; done; "
      + "kill -KILL -- \"-$1\" 2>/dev/null; [ -z \"$2\" ] || rm -rf -- \"$2\""
    do {
      guardian = try start(
        ["/bin/sh", "-c", script, "sh", "\(id)", folder ?? ""], [pipes[3].read, nil, nil])
    } catch {
      Foundation.kill(-id, SIGKILL)
      waitpid(id, nil, 0)
      owned.forEach { close($0) }
      throw couldNot("guarded by /bin/sh", error.code)
    }
  }

  /// Lets the program end by itself for a moment, as its standard input ends, and then kills it.
  deinit {
    if end == nil {
      close(input)
      let limit = ContinuousClock.now + .seconds(Self.grace)
      while !hasEnded, ContinuousClock.now < limit {
        drainErrors()
        usleep(5_000)
      }
      finish()
      [output, errors, leash].forEach { close($0) }
    } else {
      [input, output, errors, leash].forEach { close($0) }
    }
  }

  /// Kills the program and all that it started.
  func kill() {
    if end == nil { finish() }
  }

  /// Sends a line and waits for the one that answers it.
  ///
  /// - Parameters:
  ///   - request: The line, without its end.
  ///   - byteLimit: Of the answer.
  ///   - seconds: For all of it.
  /// - Returns: The line, without its end.
  func answer(
    to request: Data, byteLimit: Int, seconds: Double, isClosed: () -> Bool
  ) throws(ServiceFailure) -> Data {
    let deadline = ContinuousClock.now + .seconds(seconds)
    let line = request + [UInt8(ascii: "\n")]
    var writtenCount = 0
    var answer = Data()
    errorLineCount = 0
    try refuseUnasked()
    while true {
      guard !isClosed() else { throw ServiceFailure("was not waited for", mayRetry: false) }
      let left = (deadline - ContinuousClock.now) / .seconds(1)
      guard left > 0 else {
        throw ServiceFailure("gave no answer within \(seconds.formatted()) s\(lastWords)")
      }
      var polled = [
        pollfd(fd: output, events: Int16(POLLIN), revents: 0),
        pollfd(fd: isErrorsOpen ? errors : -1, events: Int16(POLLIN), revents: 0),
        pollfd(fd: writtenCount == line.count ? -1 : input, events: Int16(POLLOUT), revents: 0),
      ]
      // Woken now and then to see whether anybody still waits.
      _ = poll(&polled, 3, CInt(min(100, left * 1000 + 1)))
      if polled[1].revents != 0 { drainErrors() }
      if polled[2].revents != 0 { try write(line, from: &writtenCount) }
      guard polled[0].revents != 0, let bytes = read(output, upTo: 65_536) else { continue }
      guard !bytes.isEmpty else { throw ServiceFailure(endInWords + lastWords) }
      answer += bytes
      if let place = answer.firstIndex(of: UInt8(ascii: "\n")) {
        guard place == answer.count - 1 else {
          throw ServiceFailure(
            "must answer a request with one line, got more: \(answer[(place + 1)...].shown)")
        }
        // Before all of the request was read it cannot be the answer.
        guard writtenCount == line.count else {
          throw ServiceFailure("answered before it had read the request: \(answer.shown)")
        }
        return answer[..<place]
      }
      guard answer.count <= byteLimit else {
        throw ServiceFailure(
          "must answer with a line of at most \(byteLimit) bytes, got more: \(answer.shown)")
      }
    }
  }

  // MARK: Streams

  private func refuseUnasked() throws(ServiceFailure) {
    guard let bytes = read(output, upTo: 4096) else { return }
    guard bytes.isEmpty else {
      throw ServiceFailure("wrote to standard output without being asked: \(bytes.shown)")
    }
    throw ServiceFailure(endInWords + lastWords)
  }

  /// What can be read now: `nil` for nothing yet, empty where the other end is closed.
  private func read(_ descriptor: CInt, upTo count: Int) -> Data? {
    var bytes = [UInt8](repeating: 0, count: count)
    let readCount = Foundation.read(descriptor, &bytes, count)
    if readCount < 0 { return errno == EAGAIN || errno == EINTR ? nil : Data() }
    return Data(bytes.prefix(readCount))
  }

  /// Writes what there is room for of a line, `writtenCount` bytes of which are written.
  private func write(_ line: Data, from writtenCount: inout Int) throws(ServiceFailure) {
    let count = line.withUnsafeBytes { bytes in
      let rest = bytes[writtenCount...].prefix(65_536)
      return Self.withoutBrokenPipeSignal {
        Foundation.write(input, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
      }
    }
    if count >= 0 {
      writtenCount += count
    } else if errno != EAGAIN && errno != EINTR {
      // It may be ending, and say why.
      usleep(50_000)
      drainErrors()
      throw ServiceFailure(
        (hasEnded ? endInWords : "closed its standard input") + lastWords)
    }
  }

  /// Passes on what the program wrote to standard error, by lines.
  private func drainErrors() {
    // A few at a time: who floods it does not keep anybody from looking at the clock.
    for _ in 0..<16 {
      guard isErrorsOpen, let bytes = read(errors, upTo: 4096) else { return }
      isErrorsOpen = !bytes.isEmpty
      for byte in bytes {
        if byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r")
          || errorLine.count == Self.errorByteLimit
        {
          endErrorLine()
        }
        if byte != UInt8(ascii: "\n") && byte != UInt8(ascii: "\r") { errorLine.append(byte) }
      }
    }
  }

  private func endErrorLine() {
    guard !errorLine.isEmpty else { return }
    let text = String(decoding: errorLine, as: UTF8.self).unicodeScalars.map { scalar in
      scalar.properties.generalCategory == .control ? " " : Character(scalar)
    }
    errorLineCount += 1
    if errorLineCount < Self.errorLineLimit {
      passOn(String(text))
    } else if errorLineCount == Self.errorLineLimit {
      passOn("and more, which is left out")
    }
    lastErrorLine = errorLine.shown
    errorLine = Data()
  }

  /// What it last said on standard error, as the end of a message.
  private var lastWords: String {
    drainErrors()
    endErrorLine()
    return lastErrorLine.isEmpty ? "" : "; its last words: \(lastErrorLine)"
  }

  // MARK: The end

  /// Whether the program has ended; it stays to be waited for.
  private var hasEnded: Bool {
    var information = siginfo_t()
    guard waitid(P_PID, id_t(id), &information, WEXITED | WNOHANG | WNOWAIT) == 0 else {
      return true
    }
    return information.si_signo != 0
  }

  /// How the program ended, that closed its standard output.
  private var endInWords: String {
    for _ in 0..<100 where !hasEnded { usleep(5_000) }
    guard hasEnded else { return "closed its standard output" }
    finish()
    return end ?? "ended"
  }

  /// Kills the whole group, which the program leads until it was waited for, and the guardian.
  private func finish() {
    let wasOver = hasEnded
    Foundation.kill(-id, SIGKILL)
    var status: CInt = 0
    waitpid(id, &status, 0)
    end =
      switch ProcessEnd(raw: status) {
      case _ where !wasOver: "was killed"
      case .exited(let status): "ended with status \(status)"
      case .killed(let signal): "was killed by signal \(signal)"
      }
    Foundation.kill(guardian, SIGKILL)
    waitpid(guardian, nil, 0)
    if let folder { try? FileManager.default.removeItem(atPath: folder) }
  }

  // MARK: The start

  /// Above all descriptors that are open, MPI's among them, and some that other threads may open
  /// meanwhile: what is not open is no error to the C library, below the highest that can be.
  private static var descriptorLimit: CInt {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
    var limit = rlimit()
    getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    return max(
      3, min((names.compactMap(CInt.init).max() ?? 255) + 32, CInt(clamping: limit.rlim_cur)))
  }

  /// Pipes, or `nil` with `errno` set.
  private static func newPipes(_ count: Int) -> [(read: CInt, write: CInt)]? {
    var pipes: [(read: CInt, write: CInt)] = []
    for _ in 0..<count {
      var ends: [CInt] = [0, 0]
      guard pipe(&ends) == 0 else {
        let code = errno
        for pipe in pipes { [pipe.read, pipe.write].forEach { close($0) } }
        errno = code
        return nil
      }
      for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
      pipes.append((ends[0], ends[1]))
    }
    return pipes
  }

  private static func newFolder() throws(ServiceFailure) -> String {
    let parent = NSTemporaryDirectory()
    var path = Array("\(parent.hasSuffix("/") ? parent : parent + "/")prdp-XXXXXX".utf8CString)
    guard mkdtemp(&path) != nil else {
      throw ServiceFailure(
        "could not be given a folder in \(parent): \(String(cString: strerror(errno)))")
    }
    return String(decoding: path.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// Runs `body`, in which writing to a pipe that nobody reads is an error and no signal.
  private static func withoutBrokenPipeSignal<Value>(_ body: () -> Value) -> Value {
    var signals = sigset_t()
    var before = sigset_t()
    sigemptyset(&signals)
    sigaddset(&signals, SIGPIPE)
    pthread_sigmask(SIG_BLOCK, &signals, &before)
    let value = body()
    let code = errno
    if code == EPIPE {
      var none = timespec()
      sigtimedwait(&signals, nil, &none)
    }
    pthread_sigmask(SIG_SETMASK, &before, nil)
    errno = code
    return value
  }
}
