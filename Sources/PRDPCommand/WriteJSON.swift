import Foundation

/// Writes a value for programs to read: to a file, or to standard output as a single line where the
/// path is `-`.
func writeJSON(_ value: some Encodable, to path: String) throws {
  let encoder = JSONEncoder()
  encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
  if path != "-" { encoder.outputFormatting.insert(.prettyPrinted) }
  let data = try encoder.encode(value) + Data("\n".utf8)
  if path == "-" {
    say(String(decoding: data, as: UTF8.self))
  } else {
    try data.write(to: URL(filePath: path))
  }
}
