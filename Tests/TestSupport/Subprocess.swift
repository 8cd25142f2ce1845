import Foundation

/// Programs that a test runs to their end.
public enum Subprocess {
  /// How a program ended.
  public struct End: Sendable {
    /// Its exit code, or the number of the signal that ended it.
    public let exitCode: Int32
    /// Standard output and standard error together.
    public let output: String
  }

  /// Runs a program to its end.
  ///
  /// - Parameter environment: All of its environment; the test's own where it is left out.
  public static func run(
    _ executable: URL, _ arguments: [String], environment: [String: String]? = nil
  ) throws -> End {
    let process = Process()
    process.executableURL = executable
    process.arguments = arguments
    if let environment { process.environment = environment }
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return End(
      exitCode: process.terminationStatus, output: String(decoding: output, as: UTF8.self))
  }

  private struct ScriptError: Error, CustomStringConvertible {
    let description: String
  }

  /// Writes a program for `/bin/sh` that can be started at once.
  ///
  /// A shell writes it: a file that this process wrote may still be open in a child that another test
  /// is just starting, and cannot be started itself for so long.
  public static func writeScript(_ text: String, to path: String) throws {
    let end = try run(
      URL(filePath: "/bin/sh"),
      ["-c", #"printf '#!/bin/sh\n%s\n' "$1" > "$2" && chmod 755 "$2""#, "sh", text, path])
    if end.exitCode != 0 { throw ScriptError(description: "\(path): \(end.output)") }
  }
}
