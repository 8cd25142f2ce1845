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
}
