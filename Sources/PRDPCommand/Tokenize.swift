import ArgumentParser
import CLIP
import Foundation

struct Tokenize: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Turns prompts into a model's token ids.",
    discussion: """
      Reads a prompt a line and writes the ids of each as a JSON list, start, end and padding \
      included: what the text encoder is given.

      EXAMPLES
        echo "a photo of a cat" | prdp tokenize --model models/sd-1.5
        prdp tokenize --model models/sd-1.5 --input prompts.txt > ids.jsonl
      """)

  @Option(
    help: "A model folder, or a tokenizer's own.", completion: .directory)
  var model: String

  @Option(help: "The file of prompts; standard input by default.", completion: .file())
  var input: String?

  func run() throws {
    let tokenizer = try refusingBadInput {
      try CLIPTokenizer(folder: tokenizerFolder(of: model))
    }
    try refusingBadInput {
      let data: Data
      if let input {
        guard let contents = FileManager.default.contents(atPath: input) else {
          throw UnreadableFile(path: input)
        }
        data = contents
      } else {
        data = FileHandle.standardInput.readDataToEndOfFile()
      }
      guard let text = String(validating: data, as: UTF8.self) else {
        throw UnreadableFile(path: input ?? "standard input", reason: "is not UTF-8 text")
      }
      // One write for many lines: 100,000 prompts are a second's work.
      var output = ""
      for (index, line) in Self.lines(of: text).enumerated() {
        do {
          output += "[\(try tokenizer.encode(line).map(String.init).joined(separator: ", "))]\n"
        } catch {
          throw UnreadableFile(
            path: "\(input ?? "standard input"):\(index + 1)", reason: "\(error)")
        }
        if output.utf8.count > 1 << 20 {
          say(output)
          output = ""
        }
      }
      if !output.isEmpty { say(output) }
    }
  }

  /// Lines that end with LF or CRLF, blank ones included, and the last one without an end.
  static func lines(of text: String) -> [String] {
    var lines = text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false)
    if lines.last?.isEmpty == true { lines.removeLast() }
    return lines.map { String($0.last == "\r" ? $0.dropLast() : $0) }
  }
}

/// A file that a command cannot read.
struct UnreadableFile: Error, CustomStringConvertible {
  let path: String
  var reason = "no such file, or not readable"

  var description: String { "\(path): \(reason)" }
}
