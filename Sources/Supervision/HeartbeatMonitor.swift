import Foundation
import Synchronization

/// Listens to the ranks of one start and keeps the last sign of life of each.
///
/// Anyone on the network may connect. A line that is none of ours, one without the token, one too
/// long, or too many of them end their connection, and nothing else.
public final class HeartbeatMonitor: Sendable {
  private struct State {
    var sightings: [Int: Sighting] = [:]
    var isStopped = false
  }

  /// Where ranks find it.
  public let address: LauncherAddress
  private let rankCount: Int
  private let listener: Socket
  private let state = Mutex(State())
  private let onStall: (@Sendable (_ report: String) -> Void)?

  /// Starts to listen.
  ///
  /// - Parameters:
  ///   - network: The interface or range that ranks on other hosts come over; `nil` for any.
  ///   - isLocal: Whether all ranks are on this machine: then nobody else can connect.
  ///   - onStall: Is told what all ranks do when one of them ends itself for a stall, on a thread of
  ///     the monitor's.
  /// - Throws: ``SupervisionError``.
  public init(
    rankCount: Int, network: String? = nil, isLocal: Bool,
    onStall: (@Sendable (_ report: String) -> Void)? = nil
  ) throws(SupervisionError) {
    let addresses = isLocal ? [.loopback] : IPv4Address.ofThisMachine(on: network)
    guard !addresses.isEmpty else {
      throw SupervisionError(
        "cluster.network", expected: "an interface of this machine with an IPv4 address",
        found: network ?? "none at all")
    }
    let port: UInt16
    (listener, port) = try Socket.listening(at: isLocal ? .loopback : .any)
    address = LauncherAddress(
      addresses: addresses.map(\.description), port: port, token: LauncherAddress.newToken())
    self.rankCount = rankCount
    self.onStall = onStall
    DescriptorLimit.raise()
    let thread = Thread { [self] in listen() }
    thread.name = "heartbeat monitor"
    thread.start()
  }

  /// What the ranks do, on hosts that the caller may know by other names than they.
  func report(hosts: [String?]?) -> RankReport {
    RankReport(
      sightings: state.withLock { $0.sightings },
      hosts: hosts ?? Array(repeating: nil, count: rankCount), now: .now)
  }

  /// Ends the thread soon.
  public func stop() { state.withLock { $0.isStopped = true } }

  private func listen() {
    var callers: [Caller] = []
    while !state.withLock({ $0.isStopped }) {
      var entries = ([listener] + callers.map(\.socket)).map {
        pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0)
      }
      guard poll(&entries, nfds_t(entries.count), 200) >= 0 || errno == EINTR else { continue }
      for (caller, entry) in zip(callers, entries.dropFirst()) where entry.revents != 0 {
        take(from: caller)
      }
      callers.removeAll { $0.isGone || $0.isIdle }
      guard entries[0].revents != 0 else { continue }
      if let socket = listener.accepted() {
        // Ranks that connect anew may still be in here with their old connection.
        if callers.count < 2 * rankCount + 16 { callers.append(Caller(socket)) }
      } else {
        // Without a descriptor for it, a caller waits on and is seen at once again.
        usleep(50_000)
      }
    }
  }

  private func take(from caller: Caller) {
    for line in caller.readLines() {
      guard let beat = Beat(line: line, token: address.token, rankCount: rankCount) else {
        caller.isGone = true
        break
      }
      caller.rank = beat.rank
      state.withLock { $0.sightings[beat.rank] = Sighting(beat: beat, receivedAt: .now) }
      if beat.condition == .stalled { onStall?(report(hosts: nil).text) }
      // Tells the rank that it is not alone, and was heard.
      if !caller.socket.write(Data("\n".utf8)) { caller.isGone = true }
    }
    guard caller.isGone, let rank = caller.rank else { return }
    state.withLock {
      if $0.sightings[rank]?.beat.condition == .alive { $0.sightings[rank]?.closedAt = .now }
    }
  }
}

/// A connection to the monitor. It belongs to the monitor's thread.
private final class Caller {
  let socket: Socket
  var rank: Int?
  var isGone = false
  private var buffer = Data()
  private let start = SuspendingClock.now
  private var second = SuspendingClock.now
  private var lineCount = 0

  /// A rank sends one line a second, and some when it connects anew.
  private static let linesPerSecond = 50
  /// How long a caller may say nothing that tells a rank.
  private static let silenceLimit = Duration.seconds(10)

  init(_ socket: Socket) {
    self.socket = socket
  }

  /// Whether it is none of the ranks, as far as can be seen.
  var isIdle: Bool { rank == nil && .now - start > Self.silenceLimit }

  /// The whole lines that have come, without their ends.
  func readLines() -> [Data] {
    switch socket.read() {
    case .nothing: return []
    case .end: isGone = true
    case .bytes(let bytes): buffer.append(bytes)
    }
    var lines: [Data] = []
    while let end = buffer.firstIndex(of: UInt8(ascii: "\n")) {
      lines.append(Data(buffer[..<end]))
      buffer = Data(buffer[buffer.index(after: end)...])
    }
    if .now - second > .seconds(1) { (second, lineCount) = (.now, 0) }
    lineCount += lines.count
    if buffer.count > Beat.lengthLimit || lineCount > Self.linesPerSecond { isGone = true }
    return lines
  }
}
