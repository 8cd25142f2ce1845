import Foundation

/// What mpirun gets: all that is set here, and as root, as in a container, the two variables without
/// which it refuses to start.
func environmentOfMPIRun() -> [String: String] {
  var environment = ProcessInfo.processInfo.environment
  if getuid() == 0 {
    environment["OMPI_ALLOW_RUN_AS_ROOT"] = "1"
    environment["OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"] = "1"
  }
  return environment
}
