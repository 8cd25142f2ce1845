import Foundation
import Planning

/// A machine of a run, and the ranks that it is to have.
public struct ExaminedHost: Sendable, Equatable {
  /// The name by which it is reached.
  public let name: String
  /// Ranks on it.
  public let slots: Int

  /// A machine with some ranks.
  public init(name: String, slots: Int) {
    self.name = name
    self.slots = slots
  }

  /// Whether it is this machine, which mpirun does not reach by ssh either.
  var isHere: Bool {
    let mine = hostName()
    return name == mine || name == mine.prefix { $0 != "." } || name == "localhost"
  }
}

/// What a run needs of its machines.
public struct RunNeeds: Sendable, Equatable {
  /// Bytes of each rank in the machine's memory.
  public var memoryPerRank: Int
  /// Bytes in the run folder.
  public var disk: Int
  /// Whether ranks compute on GPUs.
  public var usesCUDA: Bool

  /// Needs with every value given.
  public init(memoryPerRank: Int, disk: Int, usesCUDA: Bool) {
    self.memoryPerRank = memoryPerRank
    self.disk = disk
    self.usesCUDA = usesCUDA
  }
}

/// Judges what machines report, against what the run needs and the machine that asks.
struct HostJudgement {
  /// Clocks may differ by so many seconds.
  static let clockLimit = 2.0

  let needs: RunNeeds
  /// Of the machine that asks.
  let reference: HostReport

  /// What `report` says of `host`.
  func findings(_ report: HostReport, of host: ExaminedHost) -> [Finding] {
    let name = host.name
    var findings = [
      devices(report, host), memory(report, host),
    ]
    if let failure = report.writeFailure {
      findings.append(
        Finding(
          .fail, name, "folder", failure, advice: "set run.output to a folder that every host has"))
    } else if let seconds = report.writeSeconds {
      findings.append(
        seconds < 1
          ? Finding(.ok, name, "folder", "writes, syncs and renames in \(secondsText(seconds))")
          : Finding(
            .warn, name, "folder", "writes, syncs and renames in \(secondsText(seconds))",
            advice: "checkpoints will take long here"))
    }
    if let free = report.freeDisk {
      let found = "\(byteText(free)) free, \(byteText(needs.disk)) needed"
      findings.append(
        free >= needs.disk
          ? Finding(.ok, name, "disk", found)
          : Finding(
            .fail, name, "disk", found,
            advice: "free some, lower checkpoint.keep, or set run.output to another disk"))
    }
    return findings
  }

  /// What compares `report` with the machine that asks.
  ///
  /// - Parameter end: How the command that reported went.
  func comparison(_ report: HostReport, of host: ExaminedHost, _ end: ChildProcess.End) -> [Finding]
  {
    let name = host.name
    func compared(_ subject: String, _ mine: String, _ theirs: String, advice: String) -> Finding {
      mine == theirs
        ? Finding(.ok, name, subject, "the same as here")
        : Finding(
          .fail, name, subject,
          theirs.isEmpty ? "none loaded" : "another than here: \(theirs.prefix(20))",
          advice: advice)
    }
    let difference = Self.clockDifference(report.clock, end)
    return [
      compared(
        "prdp", reference.programSHA256, report.programSHA256,
        advice: "give all hosts the same build, best on a shared file system"),
      compared(
        "libtorch", reference.libtorch, report.libtorch,
        advice: "give all hosts the same .libtorch, best on a shared file system"),
      abs(difference) <= Self.clockLimit
        ? Finding(.ok, name, "clock", "within \(secondsText(Self.clockLimit)) of this machine's")
        : Finding(
          .fail, name, "clock",
          "\(secondsText(abs(difference))) \(difference < 0 ? "behind" : "ahead"), or more",
          advice: "let an NTP service set it"),
    ]
  }

  /// By how many seconds a clock must at least differ that showed `clock` between a command's start
  /// and its end by ours.
  static func clockDifference(_ clock: Double, _ end: ChildProcess.End) -> Double {
    if clock < end.start { return clock - end.start }
    return max(0, clock - end.start - end.seconds)
  }

  private func devices(_ report: HostReport, _ host: ExaminedHost) -> Finding {
    let (count, kind) =
      needs.usesCUDA ? (report.deviceCount, "GPUs") : (report.coreCount, "cores")
    let found = "\(count) \(kind) for \(host.slots) \(host.slots == 1 ? "rank" : "ranks")"
    if count == 0 {
      return Finding(
        .fail, host.name, "devices", found,
        advice: "a CUDA build of libtorch, a driver and a visible device are needed")
    }
    return count >= host.slots
      ? Finding(.ok, host.name, "devices", found)
      : Finding(.warn, host.name, "devices", found, advice: "ranks will share; lower its slots")
  }

  private func memory(_ report: HostReport, _ host: ExaminedHost) -> Finding {
    let needed = needs.memoryPerRank * host.slots
    let found = "\(byteText(report.availableMemory)) available, \(byteText(needed)) needed"
    return report.availableMemory >= needed
      ? Finding(.ok, host.name, "memory", found)
      : Finding(
        .fail, host.name, "memory", found,
        advice: "give it fewer slots; prdp plan says what takes the memory")
  }
}
