import ArgumentParser
import Foundation
import Training

struct CheckpointCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "checkpoint",
    abstract: "Lists, verifies, removes and proves checkpoints.",
    discussion: """
      EXAMPLES
        prdp checkpoint list runs/a
        prdp checkpoint verify runs/a runs/b/checkpoints/step-00000400
        prdp checkpoint prune runs/a --keep 1 --dry-run
        prdp checkpoint prove runs/a/checkpoints/step-00000400 --steps 3
      """,
    subcommands: [List.self, Verify.self, Prune.self, CheckpointProve.self])

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Lists the checkpoints of a run, the newest last.",
      discussion: """
        Reads what each consists of, not the tensors: `verify` does.

        EXAMPLES
          prdp checkpoint list runs/a
          prdp checkpoint list runs/a --json
        """)

    @Argument(
      help: ArgumentHelp("The folder of a run.", valueName: "run"), completion: .directory)
    var folder: String

    @Flag(help: "Write JSON.")
    var json = false

    func run() throws {
      let entries = try refusingBadInput { try RunCheckpoints(ofRun: folder).list() }
      guard !json else {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        encoder.dateEncodingStrategy = .iso8601
        return say(String(decoding: try encoder.encode(entries), as: UTF8.self))
      }
      for entry in entries { say(line(of: entry)) }
      if entries.isEmpty { say("\(folder): no checkpoints") }
    }

    private func line(of entry: RunCheckpoints.Entry) -> String {
      if let fault = entry.fault { return "\(entry.name)  \(fault)" }
      return [
        entry.name, "step \(entry.step)", entry.epoch.map { "epoch \($0)" },
        entry.holdsRollouts ? "with images of the next" : nil,
        entry.isBest ? "the best" : nil,
        "\(entry.byteCount.formatted()) bytes", entry.date.map { $0.formatted(.iso8601) },
      ].compactMap(\.self).joined(separator: "  ")
    }
  }

  struct Verify: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Reads checkpoints and compares every file with its hash.",
      discussion: """
        Ends with 1 where any is damaged or was never saved to its end.

        EXAMPLES
          prdp checkpoint verify runs/a
          prdp checkpoint verify runs/a/checkpoints/step-00000400 runs/b
        """)

    @Argument(help: "Folders of runs, or checkpoints.", completion: .directory)
    var paths: [String]

    func run() throws {
      var faultCount = 0
      try refusingBadInput {
        for path in paths {
          try RunCheckpoints.verify(path) { checkpoint, fault in
            say("\(checkpoint): \(fault.map { "bad: \($0)" } ?? "ok")")
            if fault != nil { faultCount += 1 }
          }
        }
      }
      if faultCount > 0 { throw ExitCode(1) }
    }
  }

  struct Prune: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Removes the older checkpoints of a run.",
      discussion: """
        Reads the newest first, and removes nothing where it is damaged or the run is at work.

        EXAMPLES
          prdp checkpoint prune runs/a --dry-run
          prdp checkpoint prune runs/a --keep 1
          prdp checkpoint prune runs/a --keep 2 --keep-every 1000
        """)

    @Argument(
      help: ArgumentHelp("The folder of a run.", valueName: "run"), completion: .directory)
    var folder: String

    @Option(help: "How many of the newest stay.")
    var keep = 2

    @Option(help: "Those of steps that this divides stay too; 0: none.")
    var keepEvery = 0

    @Flag(help: "Say what would be removed, and remove nothing.")
    var dryRun = false

    func validate() throws {
      guard keep >= 1 else { throw ValidationError("--keep is 1 at least, got \(keep)") }
      guard keepEvery >= 0 else {
        throw ValidationError("--keep-every is 0 at least, got \(keepEvery)")
      }
    }

    func run() throws {
      let names = try refusingBadInput {
        try RunCheckpoints(ofRun: folder).prune(keep: keep, keepEvery: keepEvery, isDryRun: dryRun)
      }
      for name in names { say("\(dryRun ? "would remove" : "removed") \(name)") }
      if names.isEmpty { say("nothing to remove") }
    }
  }
}
