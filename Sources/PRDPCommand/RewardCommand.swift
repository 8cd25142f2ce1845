import ArgumentParser
import ClusterConfiguration
import Foundation
import Images
import Scenes
import Training

struct RewardCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "reward",
    abstract: "Tries the rewards of a configuration.",
    discussion: """
      EXAMPLES
        prdp reward check --config cluster.yaml
        prdp reward check --images a.png b.png --prompt "a photo of a cat"
      """,
    subcommands: [Check.self])

  struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Scores sample images: values, latency, throughput and every mistake.",
      discussion: """
        Each reward, the held-out ones of evaluation.rewards too, is asked twice about the same \
        images, each request once: what fails is not tried again. A missing score that the reward \
        itself gives is no mistake; an answer that does not come, or not as it should, is. Ends with \
        1 where there is any.

        EXAMPLES
          prdp reward check --config cluster.yaml
          prdp reward check --images a.png b.png --prompt "a cat" --prompt "a dog"
          prdp reward check --set 'rewards=[{name: command, program: [python3, reward.py]}]'
        """)

    @OptionGroup var source: ConfigurationOptions

    @Option(
      parsing: .upToNextOption,
      help: "PNG files to score; scenes of the embedded world where none is given.",
      completion: .file(extensions: ["png"]))
    var images: [String] = []

    @Option(
      help: "The prompt of all images, or repeated, one for each; a scene's is its caption.")
    var prompt: [String] = []

    @Option(help: "Scenes that are drawn where no image is given, 1 to 512.")
    var count = 8

    func validate() throws {
      guard (1...512).contains(count) else {
        throw ValidationError("--count must be from 1 to 512, got \(count)")
      }
      let imageCount = images.isEmpty ? count : images.count
      guard prompt.count <= 1 || prompt.count == imageCount else {
        throw ValidationError(
          "--prompt must be given once, or for each of the \(imageCount) images, got it "
            + "\(prompt.count) times")
      }
      guard images.isEmpty || !prompt.isEmpty else {
        throw ValidationError("--images need a --prompt")
      }
    }

    func run() throws {
      let (configuration, samples) = try refusingBadInput {
        (try source.load(for: .scoring), try images.isEmpty ? scenes() : files())
      }
      let checks = RewardCheck.checks(
        of: configuration, images: samples.map(\.image), prompts: samples.map(\.prompt))
      for check in checks { say(check.lines(labels: samples.map(\.label)).joined(separator: "\n")) }
      let failedCount = checks.count { !$0.mistakes.isEmpty }
      guard failedCount == 0 else {
        complain("\(failedCount) of \(checks.count) rewards made mistakes")
        throw ExitCode(1)
      }
    }

    private typealias Sample = (image: Image, prompt: String, label: String)

    private func prompt(of index: Int, or caption: String = "") -> String {
      prompt.isEmpty ? caption : prompt[prompt.count == 1 ? 0 : index]
    }

    private func scenes() -> [Sample] {
      var generator = KeyedGenerator(key: 1)
      return (0..<count).map { index in
        let scene = ScenePrompts.prompt(at: generator.below(ScenePrompts.count))
        let prompt = prompt(of: index, or: scene.text)
        return (SceneRenderer.render(scene.scene, layout: &generator), prompt, prompt)
      }
    }

    private func files() throws -> [Sample] {
      try images.enumerated().map { index, path in
        (
          try RewardCheck.image(at: path), prompt(of: index), "\(path): \(prompt(of: index))"
        )
      }
    }
  }
}
