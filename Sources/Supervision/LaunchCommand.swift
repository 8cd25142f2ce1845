import ClusterConfiguration

/// The exact words that start the ranks: mpirun's options, then `prdp train` with its arguments.
///
/// No shell reads any of it here. On other hosts ssh's shell does, and there Open MPI lets a value
/// of `--mca` be read as a command; so what goes there was checked by the configuration to have the
/// form of a name, and a run's configuration goes as the path of its file.
public struct LaunchCommand: Sendable, Equatable {
  /// What is run, and where.
  public struct Program: Sendable, Equatable {
    /// The absolute path of mpirun.
    public let mpirun: String
    /// The absolute path of prdp, the same on all hosts.
    public let prdp: String
    /// The absolute path of the configuration.
    public let configuration: String
    /// Replacements for values of it, `key=value` each.
    public internal(set) var overrides: [String]
    /// What `prdp train` gets besides.
    public internal(set) var arguments: [String]
    /// The absolute path that relative ones start at.
    public let workingFolder: String

    /// What is run, and where; all paths are absolute.
    public init(
      mpirun: String, prdp: String, configuration: String, overrides: [String],
      arguments: [String], workingFolder: String
    ) {
      self.mpirun = mpirun
      self.prdp = prdp
      self.configuration = configuration
      self.overrides = overrides
      self.arguments = arguments
      self.workingFolder = workingFolder
    }
  }

  /// The words, mpirun's path first.
  public let words: [String]
  /// The host of each rank, by rank; this machine's name is not known here and stands as `nil`.
  public let hosts: [String?]

  /// A command for a cluster.
  ///
  /// - Parameters:
  ///   - excluded: Names of hosts to leave out.
  ///   - coreCount: The cores of this machine: more ranks than those have to share them.
  ///   - exports: Names of variables that ranks on other hosts get besides the cluster's.
  /// - Throws: ``SupervisionError`` where a word would be taken for more than a word, or no host is
  ///   left.
  public init(
    _ program: Program, on cluster: RunConfiguration.Cluster, excluding excluded: Set<String> = [],
    coreCount: Int, exporting exports: [String] = []
  ) throws(SupervisionError) {
    let hosts = cluster.hosts.filter { !excluded.contains($0.name) }
    guard cluster.hosts.isEmpty || !hosts.isEmpty else {
      throw SupervisionError(
        "cluster.hosts", expected: "a host that is left", found: "that all of them failed")
    }
    self.hosts =
      hosts.isEmpty
      ? Array(repeating: nil, count: cluster.slots)
      : hosts.flatMap { Array(repeating: $0.name, count: $0.slots) }
    words =
      [program.mpirun, "-np", "\(self.hosts.count)"]
      + Self.placement(of: self.hosts.count, on: hosts, coreCount: coreCount)
      + (hosts.isEmpty ? [] : Self.network(cluster.network))
      + cluster.mca.flatMap { ["--mca", $0.name, $0.value] }
      + (hosts.isEmpty ? [] : (cluster.environment + exports).flatMap { ["-x", $0] })
      + ["--wdir", program.workingFolder, program.prdp, "train"]
      + ["--config", program.configuration]
      + program.overrides.flatMap { ["--set", $0] } + program.arguments
    for word in words {
      guard word != ":", !word.isEmpty, !word.utf8.contains(0) else {
        throw SupervisionError(
          "the command line", expected: "arguments that mpirun passes on as they are",
          found: word == ":" ? "':', which starts another program" : "an empty one",
          advice: "leave it out")
      }
    }
  }

  /// Ranks fill a host before the next, so that a rank's host is known before it was heard of. They
  /// are not bound to cores: the tensor library's threads would share one.
  private static func placement(
    of rankCount: Int, on hosts: [RunConfiguration.Cluster.Host], coreCount: Int
  ) -> [String] {
    let binding = ["--bind-to", "none", "--map-by", "slot"]
    guard hosts.isEmpty else {
      return ["--host", hosts.map { "\($0.name):\($0.slots)" }.joined(separator: ",")] + binding
    }
    return binding + ["--use-hwthread-cpus"]
      + (rankCount > coreCount ? ["--oversubscribe"] : [])
  }

  /// A host that is gone is noticed after 3 s and 3 tries; Open MPI's own settings take 8 minutes.
  private static func network(_ network: String?) -> [String] {
    let keepalive = [("time", 3), ("intvl", 1), ("probes", 3)].flatMap {
      ["--mca", "oob_tcp_keepalive_\($0.0)", "\($0.1)"]
    }
    let interfaces = network.map {
      ["--mca", "btl_tcp_if_include", $0, "--mca", "oob_tcp_if_include", $0]
    }
    return keepalive + (interfaces ?? [])
  }

  /// The command as a shell takes it, in quotes where they are needed.
  public var shellText: String { words.map(\.quotedForShell).joined(separator: " ") }
}

extension String {
  /// This as one word of a shell's line.
  fileprivate var quotedForShell: String {
    let isPlain =
      !isEmpty
      && unicodeScalars.allSatisfy {
        $0.isASCII && ($0.properties.isAlphabetic || $0.properties.numericType != nil)
          || "_./:,=+@%^-".unicodeScalars.contains($0)
      }
    // Within single quotes nothing but their end has a meaning.
    return isPlain ? self : "'" + replacing("'", with: "'\\''") + "'"
  }
}
