import Foundation
import TestSupport
import Testing

/// Starts MPIRankTests, which stands beside the test bundle, under `mpirun`.
enum Launcher {
  static var isInstalled: Bool { mpirun != nil }

  /// The seconds within which a run has to end.
  private static let limit = 20

  static func run(rankCount: Int, scenario: String? = nil) throws -> Subprocess.End {
    let program = Bundle.main.bundleURL.appending(path: "MPIRankTests")
    let mpirun = try #require(mpirun, "mpirun is not in PATH")
    return try Subprocess.run(
      mpirun,
      ["--timeout", String(limit), "--oversubscribe", "-np", String(rankCount), program.path]
        + (scenario.map { [$0] } ?? []),
      environment: cleanEnvironment)
  }

  private static var mpirun: URL? {
    let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
    return path.split(separator: ":").map { URL(filePath: String($0)).appending(path: "mpirun") }
      .first { FileManager.default.isExecutableFile(atPath: $0.path) }
  }

  /// Without the variables that MPI has set in this process, which has a rank of its own.
  private static var cleanEnvironment: [String: String] {
    let kept = ["PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH"]
    let environment = ProcessInfo.processInfo.environment.filter { kept.contains($0.key) }
    return environment.merging([
      "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    ]) { $1 }
  }
}
