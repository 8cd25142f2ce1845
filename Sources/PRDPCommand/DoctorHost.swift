import ArgumentParser
import Diagnosis
import Torch

/// What `prdp doctor` runs on each machine.
struct DoctorHost: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor-host", abstract: "Reports on this machine to prdp doctor.",
    shouldDisplay: false)

  @Option(help: "The run folder.")
  var output: String

  @Option(help: "Of this examination.")
  var nonce: String

  @Option(help: "What the configuration calls this machine.")
  var name = "here"

  @Option(help: "Whose file is to come later.")
  var expecting = "late"

  @Flag(help: "Count GPUs.")
  var cuda = false

  @Option(help: "Only waits for the file of this name, and takes this machine's own away.")
  var waitFor: String?

  @Option(help: "Seconds to wait for it.")
  var limit = 60.0

  func validate() throws {
    // Parts of a file's name.
    for text in [nonce, name, expecting, waitFor ?? ""] where text.contains("/") {
      throw ValidationError("a name has no /, got \(text)")
    }
  }

  func run() throws {
    try refusingBadInput {
      let mark = SharedMark(folder: output, nonce: nonce)
      if let waitFor {
        defer { mark.remove(of: [name]) }
        return try writeJSON(
          Sight(seconds: mark.secondsUntilSeen(of: waitFor, limit: limit)), to: "-")
      }
      let probe = HostProbe(output: output, mark: mark, host: name)
      try writeJSON(
        probe.report(deviceCount: cuda ? Device.cudaCount() : 0, expecting: expecting), to: "-")
    }
  }
}
