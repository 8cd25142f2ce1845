import ArgumentParser
import Foundation
import Images
import Scenes

struct ScenesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "scenes",
    abstract: "Writes prompts and true pictures of the embedded world.",
    discussion: """
      The embedded world has scenes of one or two coloured shapes, captioned in simple words.

      EXAMPLES
        prdp scenes prompts --output prompts
        prdp scenes render --output scenes.png --count 24
      """,
    subcommands: [Prompts.self, Render.self])

  struct Prompts: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Writes the prompt files: train, seen, unseen and unseen-pairs.",
      discussion: """
        They are always the same. No prompt of unseen.txt and unseen-pairs.txt is in train.txt.

        EXAMPLES
          prdp scenes prompts --output prompts
        """)

    @Option(help: "The folder, made where it is missing.", completion: .directory)
    var output: String

    func run() throws {
      let files = PromptFiles()
      try refusingBadInput {
        try files.write(to: URL(filePath: output, directoryHint: .isDirectory))
      }
      for (name, prompts) in files.files { say("\(output)/\(name): \(prompts.count) prompts") }
    }
  }

  struct Render: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Draws a grid of true pictures with their captions.",
      discussion: """
        This is what a perfect model would draw.

        EXAMPLES
          prdp scenes render --output scenes.png
          prdp scenes render --output scenes.png --count 64 --seed 7
        """)

    @Option(
      help: ArgumentHelp("The picture to write, a PNG.", valueName: "file"),
      completion: .file(extensions: ["png"]))
    var output: String

    @Option(help: "Scenes in the grid, 1 to 512.")
    var count = 24

    @Option(help: "Decides which scenes, and where their objects lie.")
    var seed: UInt64 = 1

    func validate() throws {
      guard (1...512).contains(count) else {
        throw ValidationError("--count must be from 1 to 512, got \(count)")
      }
    }

    func run() throws {
      var generator = KeyedGenerator(key: seed)
      let cells = (0..<count).map { _ in
        let prompt = ScenePrompts.prompt(at: generator.below(ScenePrompts.count))
        return ImageGrid.Cell(
          image: SceneRenderer.render(prompt.scene, layout: &generator), caption: prompt.text)
      }
      let grid = ImageGrid(cells: cells, columnCount: 8, scale: 2)
      try refusingBadInput { try grid.image().writePNG(to: URL(filePath: output)) }
      say("\(output): \(count) scenes")
    }
  }
}
