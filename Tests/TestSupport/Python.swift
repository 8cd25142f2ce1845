import Foundation

/// The package's own Python, for the comparisons with other implementations.
public enum Python {
  /// Whether `scripts/setup --golden` was run.
  public static let hasDiffusers = has("diffusers")
  /// Whether it reads and writes pictures.
  public static let hasPillow = has("PIL")

  private static func has(_ package: String) -> Bool {
    (try? run(
      ["-c", "import sys, importlib.util as u; sys.exit(u.find_spec('\(package)') is None)"]))?
      .exitCode == 0
  }

  /// Runs it, with one thread, to its end.
  private static func run(_ arguments: [String]) throws -> Subprocess.End {
    try Subprocess.run(
      Golden.packageRoot.appending(path: ".venv/bin/python"), arguments,
      environment: ProcessInfo.processInfo.environment.merging(["OMP_NUM_THREADS": "1"]) { $1 })
  }

  /// Runs a script, named by its path below the package, to its end.
  public static func run(script: String, _ arguments: [String]) throws -> Subprocess.End {
    try run([Golden.packageRoot.appending(path: script).path] + arguments)
  }
}
