import Foundation

/// The bytes of memory that this process holds.
public func residentByteCount() throws -> Int {
  let pages = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ")
  guard pages.count > 1, let count = Int(pages[1]) else { throw CocoaError(.fileReadCorruptFile) }
  return count * Int(getpagesize())
}
