import Foundation
import MPI

/// Measures what MPI makes of the network between the ranks of a communicator.
public struct NetworkBenchmark {
  /// How much is measured.
  public struct Settings: Sendable {
    /// Bytes of the largest all-reduce; a multiple of 4.
    public var largestByteCount = 64 << 20
    /// Seconds after which a figure is not measured again, though at least once.
    public var secondsPerFigure = 1.0
    /// The most measurements of a figure, of which the median counts.
    public var repetitionLimit = 11

    /// All-reduce up to 64 MiB.
    public init() {}
  }

  private let communicator: Communicator
  private let settings: Settings

  /// A measurement of all ranks of `communicator`.
  public init(_ communicator: Communicator, _ settings: Settings = Settings()) {
    self.communicator = communicator
    self.settings = settings
  }

  /// Measures. Collective.
  ///
  /// - Returns: The same on all ranks.
  /// - Throws: `AgreedFailure` where there is one rank alone; `MPIError`.
  public func run() throws -> NetworkReport {
    let machines = try RankMachines(communicator)
    try communicator.agreed {
      guard communicator.size > 1 else { throw DiagnosisError.oneRank }
    }
    var pairs = try machines.links.map { try pair($0, machines) }
    if let local = machines.localPair { pairs.append(try pair(local, machines)) }
    return NetworkReport(
      rankCount: communicator.size, hosts: machines.names, pairs: pairs,
      allReduce: try byteCounts.map(allReduce))
  }

  private var byteCounts: [Int] {
    [4 << 10, 64 << 10, 1 << 20, 16 << 20].filter { $0 < settings.largestByteCount }
      + [settings.largestByteCount]
  }

  /// The two ranks of a pair exchange messages; the others wait.
  private func pair(_ ranks: (Int, Int), _ machines: RankMachines) throws -> NetworkReport.Pair {
    let (first, second) = ranks
    let isIn = communicator.rank == first || communicator.rank == second
    let other = communicator.rank == first ? second : first
    let byte: [UInt8] = [0]
    // A message each way is twice the latency.
    let roundTrips = 20
    let latency =
      try median {
        guard isIn else { return }
        for _ in 0..<roundTrips {
          if communicator.rank == first {
            try communicator.send(byte, to: other)
            _ = try communicator.receive(UInt8.self, count: 1, from: other)
          } else {
            _ = try communicator.receive(UInt8.self, count: 1, from: other)
            try communicator.send(byte, to: other)
          }
        }
      } / Double(2 * roundTrips)

    let message = [UInt8](repeating: 0, count: isIn ? pairByteCount : 0)
    let seconds = try median {
      guard isIn else { return }
      let receiving = try communicator.startReceive(into: message, from: other)
      let sending = try communicator.startSend(message, to: other)
      _ = try receiving.wait()
      _ = try sending.wait()
    }
    return NetworkReport.Pair(
      hosts: [machines.name(of: first), machines.name(of: second)], latency: latency,
      bandwidth: Double(pairByteCount) / seconds)
  }

  /// So many that what a network holds on the way does not count.
  private var pairByteCount: Int { min(settings.largestByteCount, 8 << 20) }

  private func allReduce(byteCount: Int) throws -> NetworkReport.Collective {
    let values = UnsafeMutableBufferPointer<Float>.allocate(capacity: byteCount / 4)
    defer { values.deallocate() }
    values.initialize(repeating: 0)
    let seconds = try median { try communicator.allReduce(values, by: .sum) }
    return NetworkReport.Collective(byteCount: byteCount, seconds: seconds)
  }

  /// The median of the seconds until `work` is done on all ranks, which begin together.
  private func median(_ work: () throws -> Void) throws -> Double {
    try work()
    var (all, total): ([Double], Double) = ([], 0)
    repeat {
      try communicator.barrier()
      let start = ContinuousClock.now
      try work()
      // The same on all ranks, so that they repeat it as often.
      let seconds = try communicator.allReduce(
        (ContinuousClock.now - start) / .seconds(1), by: .max)
      all.append(seconds)
      total += seconds
    } while all.count < settings.repetitionLimit && total < settings.secondsPerFigure
    let sorted = all.sorted()
    return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
  }
}
