import Foundation

/// The memory that this process takes of its machine, as Linux counts it: file pages that it mapped
/// and used are in it.
enum HostMemory {
  /// The most since the start, in bytes; 0 where the system does not tell.
  static var peak: Int {
    let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)
    // VmHWM:     1234 kB
    let line = status?.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
    let kibibytes = line?.split(whereSeparator: \.isWhitespace).dropFirst().first
    return kibibytes.flatMap { Int($0) }.map { $0 << 10 } ?? 0
  }
}
