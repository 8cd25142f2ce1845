import Foundation
import MPI
import RankChecks
import Torch

/// Checks of training that need several ranks: `mpirun -np 3 TrainingRankTests`, from the root of the
/// package.
///
/// Prints `N passed, M failed` on rank 0 and exits 1 if any failed.
@main
enum TrainingRankTests {
  static func main() {
    do {
      try Runtime.setThreadCount(1)
      let passed = try withMPI(threadLevel: .serialized) { world in
        try runChecks(
          averagingChecks + checkpointChecks + evaluationChecks + promptChecks + trainerChecks,
          on: world)
      }
      exit(passed ? 0 : 1)
    } catch {
      FileHandle.standardError.write(Data("\(error)\n".utf8))
      exit(1)
    }
  }
}
