// A rank that does nothing but give signs of life. How it goes wrong is its argument.

import Foundation
import Supervision

let limits = Heartbeat.Limits(stall: 1, orphan: 1)
switch CommandLine.arguments.dropFirst().first {
case "stall":
  let heartbeat = Heartbeat(rank: 3, launcher: nil, limits: limits)
  heartbeat.enter("scoring", step: 7)
  sleep(20)
case "orphan":
  // A port that nobody listens at.
  let heartbeat = Heartbeat(
    rank: 3, launcher: LauncherAddress("127.0.0.1:1:token"), limits: limits)
  for _ in 0..<200 {
    heartbeat.enter("scoring", step: 7)
    usleep(100_000)
  }
case "finish":
  let heartbeat = Heartbeat(rank: 3, launcher: nil, limits: limits)
  heartbeat.finish()
  sleep(2)
default:
  exit(2)
}
