import ArgumentParser
import Reporting

struct Report: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Makes a page of HTML of a run: curves, samples, time, faults.",
    discussion: """
      Reads the run folder alone, of a run that is finished, at work or was killed. The page needs \
      no other file, no network and no script; prompts and all else of the run are text in it.

      EXAMPLES
        prdp report runs/embedded
        prdp report runs/embedded --output embedded.html
      """)

  @Argument(
    help: ArgumentHelp("The folder of a run.", valueName: "run"), completion: .directory)
  var folder: String

  @Option(
    help:
      "The file to write; - writes to standard output. Left out: report.html in the run folder.",
    completion: .file(extensions: ["html"]))
  var output: String?

  func run() throws {
    let report = try refusingBadInput { try RunReport(folder: folder) }
    let path = output ?? "\(folder)/report.html"
    guard path != "-" else { return say(report.html) }
    try refusingBadInput { try report.write(to: path) }
    say(path)
  }
}
