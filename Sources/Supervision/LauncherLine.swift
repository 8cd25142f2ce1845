import Foundation

/// A rank's connection to its launcher, made again where it breaks. It belongs to one thread.
struct LauncherLine {
  private let launcher: LauncherAddress
  private var socket: Socket?
  private var lastAnswer = SuspendingClock.now
  private var nextAddress = 0

  /// A launcher that answers neither within it is tried anew: networks come back.
  private static let patience = 5.0
  private static let connectingMilliseconds: CInt = 1000

  init(_ launcher: LauncherAddress) {
    self.launcher = launcher
  }

  /// How long the launcher has not answered.
  var secondsWithoutAnswer: Double { (SuspendingClock.now - lastAnswer) / .seconds(1) }

  /// Sends a sign of life, as far as the launcher can be reached, and takes in its answers.
  mutating func send(_ beat: (_ token: String) -> Beat) {
    takeAnswers()
    if secondsWithoutAnswer > Self.patience { socket = nil }
    if socket == nil { connect() }
    if socket?.write(beat(launcher.token).line) == false { socket = nil }
  }

  /// Waits until the launcher has taken in what was sent last, some seconds at most.
  mutating func waitForAnswer(seconds: Double) {
    let sent = SuspendingClock.now
    while lastAnswer < sent, .now - sent < .seconds(seconds), socket != nil {
      usleep(10_000)
      takeAnswers()
    }
  }

  private mutating func connect() {
    let address = launcher.addresses[nextAddress % launcher.addresses.count]
    nextAddress += 1
    socket = IPv4Address(address).flatMap {
      Socket.connected(
        to: $0, port: launcher.port, withinMilliseconds: Self.connectingMilliseconds)
    }
  }

  private mutating func takeAnswers() {
    while let reading = socket?.read() {
      switch reading {
      case .bytes: lastAnswer = .now
      case .nothing: return
      case .end: socket = nil
      }
    }
  }
}
