import Crypto
import Foundation

/// Looks at the machine that it runs on.
public struct HostProbe {
  private let output: String
  private let mark: SharedMark
  private let host: String

  /// A look from `host`, as the configuration calls this machine, at the run folder `output`.
  public init(output: String, mark: SharedMark, host: String) {
    self.output = output
    self.mark = mark
    self.host = host
  }

  /// Leaves a mark, and reports.
  ///
  /// - Parameters:
  ///   - deviceCount: GPUs, which the caller counts.
  ///   - launcher: The name under which another machine will leave a mark. It is looked for before it
  ///     is there, so that this machine remembers its absence, as NFS does.
  /// - Throws: ``DiagnosisError`` where the program itself cannot be read.
  public func report(deviceCount: Int, expecting launcher: String) throws -> HostReport {
    _ = mark.isSeen(of: launcher)
    let start = ContinuousClock.now
    var failure: String?
    do {
      try mark.leave(as: host)
    } catch {
      failure = "\(error)"
    }
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    return HostReport(
      hostName: Diagnosis.hostName(), clock: 0, programSHA256: try Self.programSHA256(),
      libtorch: Self.libtorch(), coreCount: ProcessInfo.processInfo.activeProcessorCount,
      deviceCount: deviceCount, availableMemory: Self.availableMemory(),
      freeDisk: freeDisk(), writeSeconds: failure == nil ? seconds : nil, writeFailure: failure
    ).now()
  }

  private static func programSHA256() throws -> String {
    let path = "/proc/self/exe"
    guard let file = FileHandle(forReadingAtPath: path) else {
      throw DiagnosisError.file(path: path, expected: "this program", reason: systemReason())
    }
    var hash = SHA256()
    while let data = try file.read(upToCount: 1 << 20), !data.isEmpty { hash.update(data: data) }
    return hexadecimal(hash.finalize())
  }

  /// The length of the libtorch that this process has loaded, and a hash of its first bytes, where the
  /// linker has put an identity of the build: reading all would take seconds.
  private static func libtorch() -> String {
    let line = lines(of: "/proc/self/maps").first { $0.hasSuffix("/libtorch_cpu.so") }
    guard let start = line?.firstIndex(of: "/"), let line,
      let file = FileHandle(forReadingAtPath: String(line[start...])),
      let head = try? file.read(upToCount: 1 << 16), let length = try? file.seekToEnd()
    else { return "" }
    return "\(length)-\(hexadecimal(SHA256.hash(data: head)).prefix(16))"
  }

  private static func hexadecimal(_ digest: SHA256.Digest) -> String {
    digest.map { String(format: "%02x", $0) }.joined()
  }

  /// - Source: proc_meminfo(5), `MemAvailable`.
  private static func availableMemory() -> Int {
    let line = lines(of: "/proc/meminfo").first { $0.hasPrefix("MemAvailable:") }
    let kibibytes = line?.split(separator: " ").dropFirst().first
    return kibibytes.flatMap { Int($0) }.map { $0 << 10 } ?? 0
  }

  /// The lines of a file of the kernel's, which comes in pieces: one that is short is not the last.
  private static func lines(of path: String) -> [Substring] {
    guard let file = FileHandle(forReadingAtPath: path) else { return [] }
    var bytes = Data()
    while let piece = try? file.read(upToCount: 1 << 16), !piece.isEmpty { bytes += piece }
    return String(decoding: bytes, as: UTF8.self).split(separator: "\n")
  }

  private func freeDisk() -> Int? {
    var status = statvfs()
    guard statvfs(output, &status) == 0 else { return nil }
    return Int(status.f_bavail) * Int(status.f_frsize)
  }
}

extension HostReport {
  /// This report with the time of its end: nothing comes after it but the way back.
  fileprivate func now() -> HostReport {
    var report = self
    report.clock = Date().timeIntervalSince1970
    return report
  }
}
