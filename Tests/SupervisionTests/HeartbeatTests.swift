import Foundation
import Testing

@testable import Supervision

/// Ranks and others that connect to a monitor.
@Suite(.serialized) struct HeartbeatTests {
  private static let limits = Heartbeat.Limits(stall: 60, orphan: 60)

  private func eventually(_ isTrue: () -> Bool) -> Bool {
    for _ in 0..<500 where !isTrue() { usleep(10_000) }
    return isTrue()
  }

  @Test func aMonitorHearsWhatEachRankDoes() throws {
    let monitor = try HeartbeatMonitor(rankCount: 2, isLocal: true)
    defer { monitor.stop() }
    let ranks = (0..<2).map {
      Heartbeat(rank: $0, launcher: monitor.address, limits: Self.limits)
    }
    ranks[0].enter("sampling", step: 3)
    ranks[1].enter("waiting for the other ranks", step: 3)
    #expect(
      eventually {
        let seen = monitor.report(hosts: nil).sightings
        return seen[0]?.beat.operation == "sampling" && seen[0]?.beat.step == 3
          && seen[1]?.beat.operation == "waiting for the other ranks"
      })
    #expect(monitor.report(hosts: nil).missing.isEmpty)
    ranks.forEach { $0.finish() }
    #expect(eventually { monitor.report(hosts: nil).areAllFinished })
  }

  @Test func theAddressGoesThroughAnEnvironment() throws {
    let monitor = try HeartbeatMonitor(rankCount: 1, isLocal: false)
    defer { monitor.stop() }
    let address = monitor.address
    #expect(LauncherAddress("\(address)") == address)
    #expect(!address.addresses.isEmpty)
    #expect(address.token.count > 20)
    #expect(LauncherAddress.newToken() != LauncherAddress.newToken())
  }

  @Test(arguments: [
    "", "a:1:b", "10.0.0.1:1", "10.0.0.1:70000:t", ":1:t", "10.0.0.1:1:", "::1:1:t",
  ])
  func whatIsNoAddressIsNone(_ text: String) {
    #expect(LauncherAddress(text) == nil)
  }

  @Test func hostileCallersAreCutOffAndRanksStayHeard() throws {
    let monitor = try HeartbeatMonitor(rankCount: 1, isLocal: true)
    defer { monitor.stop() }
    let rank = Heartbeat(rank: 0, launcher: monitor.address, limits: Self.limits)
    defer { rank.finish() }
    #expect(eventually { monitor.report(hosts: nil).missing.isEmpty })

    func beat(token: String = monitor.address.token, rank: Int = 0) -> Data {
      Beat(
        token: token, rank: rank, host: "evil", process: 1, step: 99, operation: "x", seconds: 0,
        condition: .alive
      ).line
    }
    let lines: [(String, Data)] = [
      ("without the token", beat(token: "guess")), ("a rank too many", beat(rank: 1)),
      ("a negative rank", beat(rank: -1)), ("no JSON", Data("hello\n".utf8)),
      ("bytes", Data([0, 255, 10])), ("an empty line", Data("\n".utf8)),
      ("a line without an end", Data(repeating: 120, count: 5000)),
      ("depth", Data((String(repeating: "[", count: 900) + "\n").utf8)),
      ("a flood", Data(repeating: 10, count: 4000)),
    ]
    for (name, line) in lines {
      let caller = try #require(
        Socket.connected(
          to: .loopback, port: monitor.address.port, withinMilliseconds: 1000))
      _ = caller.write(line)
      var isCutOff = false
      #expect(
        eventually {
          if case .end = caller.read() { isCutOff = true }
          return isCutOff
        }, "\(name)")
    }
    rank.enter("still here", step: 1)
    #expect(
      eventually { monitor.report(hosts: nil).sightings[0]?.beat.operation == "still here" })
    #expect(monitor.report(hosts: nil).sightings.count == 1)
  }

  @Test func connectionsBeyondThoseOfTheRanksAreRefused() throws {
    let monitor = try HeartbeatMonitor(rankCount: 1, isLocal: true)
    defer { monitor.stop() }
    let callers = (0..<60).compactMap { _ in
      Socket.connected(to: .loopback, port: monitor.address.port, withinMilliseconds: 1000)
    }
    #expect(
      eventually {
        callers.count {
          if case .end = $0.read() { true } else { false }
        } >= callers.count - 18
      })
  }

  @Test func aRankWhoseLauncherComesBackIsHeardAgain() throws {
    let monitor = try HeartbeatMonitor(rankCount: 1, isLocal: true)
    defer { monitor.stop() }
    // The first address answers nothing.
    let address = LauncherAddress(
      addresses: ["127.255.255.254", "127.0.0.1"], port: monitor.address.port,
      token: monitor.address.token)
    let rank = Heartbeat(rank: 0, launcher: address, limits: Self.limits)
    defer { rank.finish() }
    #expect(eventually { monitor.report(hosts: nil).missing.isEmpty })
  }
}

/// Ranks that end themselves, each in a process of its own.
@Suite struct WatchdogTests {
  /// Runs the rank of Tests/HeartbeatRank.
  private func run(_ arguments: String...) throws -> (status: Int32, text: String) {
    let process = Process()
    process.executableURL = Bundle.main.bundleURL.appending(path: "HeartbeatRank")
    process.arguments = arguments
    let pipe = Pipe()
    process.standardError = pipe
    try process.run()
    let text = try pipe.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: text, as: UTF8.self))
  }

  @Test func aRankThatIsTooLongAtOneThingEndsWithItsPlace() throws {
    let (status, text) = try run("stall")
    #expect(status == 75)
    #expect(text.contains("error: rank 3 on "), "\(text)")
    #expect(text.contains(#/, at step 7, has been at one thing, scoring, for \d+ s, /#), "\(text)")
  }

  @Test func aRankWithoutItsLauncherEnds() throws {
    let (status, text) = try run("orphan")
    #expect(status == 75)
    #expect(text.contains(#/has not heard of its launcher for \d+ s/#), "\(text)")
  }

  @Test func aRankThatSaysGoodByeEndsAsItWants() throws {
    #expect(try run("finish").status == 0)
  }
}
