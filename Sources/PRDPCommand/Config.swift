import ArgumentParser
import ClusterConfiguration
import Training

struct Config: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Checks, shows and explains a run's configuration.",
    discussion: """
      EXAMPLES
        prdp config check --config cluster.yaml
        prdp config show --config cluster.yaml --set method.beta=1e-3
        prdp config show --key method
        prdp config schema
      """,
    subcommands: [Check.self, Show.self, SchemaText.self])

  struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Says ok, or all that is wrong.",
      discussion: """
        Looks at keys, values and names of rewards, not at the files that they name. Ends with 2 \
        where anything is wrong.

        EXAMPLES
          prdp config check --config cluster.yaml
          prdp config check --set method.beta=1e-4 --set cluster.slots=8
        """)

    @OptionGroup var source: ConfigurationOptions

    func run() throws {
      try refusingBadInput {
        _ = try source.load(keeping: [.promptsForEachSlot])
        say("\(source.config): ok")
      }
    }
  }

  struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Prints the configuration with every key stated, as YAML.",
      discussion: """
        EXAMPLES
          prdp config show --config cluster.yaml > resolved.yaml
          prdp config show --key run.output
          prdp config show --key model.lora
        """)

    @OptionGroup var source: ConfigurationOptions

    @Option(
      help: ArgumentHelp("Prints the value of this key alone, or this section.", valueName: "a.b"),
      completion: .list(RunConfiguration.sectionPaths + RunConfiguration.keyPaths))
    var key: String?

    func run() throws {
      try refusingBadInput {
        let configuration = try source.load()
        say(try key.map(configuration.yamlValue) ?? configuration.yaml())
      }
    }
  }

  struct SchemaText: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "schema",
      abstract: "Explains every key: type, range, default and unit.",
      discussion: """
        EXAMPLES
          prdp config schema | less
          prdp config schema --resume
        """)

    @Flag(help: "List the keys that may change when a run goes on, and no more.")
    var resume = false

    func run() {
      guard !resume else { return say(RunConfiguration.keysThatMayChangeOnResume) }
      say(RunConfiguration.schema())
    }
  }
}
