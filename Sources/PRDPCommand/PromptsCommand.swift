import ArgumentParser
import Foundation
import Training

struct PromptsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "prompts",
    abstract: "Looks at prompt files.",
    subcommands: [Stat.self])

  struct Stat: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Counts prompts, duplicates, negative prompts and tokens.",
      discussion: """
        Reads the files as training would: of prompts that are there more than once, in one file \
        or in several, the first counts. With --model it says how many tokens they have, and how \
        many have more than the text encoder reads.

        EXAMPLES
          prdp prompts stat prompts.txt
          prdp prompts stat a.jsonl b.csv --model models/sd-1.5 --json stat.json
        """)

    @Argument(
      help: "The files: .txt, .jsonl, .json, .csv or .tsv.",
      completion: .file(extensions: ["txt", "jsonl", "json", "csv", "tsv"]))
    var files: [String]

    @Option(
      help: "A model folder, or a tokenizer's own, to count tokens.", completion: .directory)
    var model: String?

    @Option(
      help: "Writes all figures to a file, too; - writes them alone.",
      completion: .file(extensions: ["json"]))
    var json: String?

    func run() throws {
      try refusingBadInput {
        let statistics = try PromptStatistics(
          paths: files, tokenizer: model.map(tokenizerFolder(of:)))
        if let json { try writeJSON(statistics, to: json) }
        if json != "-" { say("\(statistics)") }
      }
    }
  }
}

/// Where the tokenizer of a model is: in a folder of the model's, or the folder is its own.
func tokenizerFolder(of model: String) throws -> URL {
  guard FileManager.default.fileExists(atPath: model) else {
    throw UnreadableFile(path: model, reason: "no such folder")
  }
  let folder = "\(model)/tokenizer"
  return URL(filePath: FileManager.default.fileExists(atPath: folder) ? folder : model)
}
