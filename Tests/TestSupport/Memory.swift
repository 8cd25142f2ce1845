import Foundation

/// The bytes of memory that this process holds.
public func residentByteCount() throws -> Int {
  let pages = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ")
  return (Int(pages[1]) ?? 0) * Int(getpagesize())
}
