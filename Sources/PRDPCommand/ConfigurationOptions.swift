import ArgumentParser
import ClusterConfiguration
import Foundation
import MPI
import Training

/// Where a run's configuration comes from.
struct ConfigurationOptions: ParsableArguments {
  @Option(
    help: "The file that says everything about the run.",
    completion: .file(extensions: ["yaml", "yml"]))
  var config = "cluster.yaml"

  @Option(
    name: .customLong("set"), parsing: .singleValue,
    help: ArgumentHelp("Replaces a value of the file; may be repeated.", valueName: "key=value"),
    completion: .list(RunConfiguration.keyPaths))
  var overrides: [String] = []

  /// The configuration, read by every rank: the same on all, as the program is.
  ///
  /// - Parameters:
  ///   - presets: Replacements that come before those of the user.
  ///   - use: What it is for.
  /// - Throws: `AgreedFailure` when it is not valid, or not the same.
  func load(
    _ world: Communicator, presets: [String] = [], for use: RunConfiguration.Use = .training
  ) throws -> RunConfiguration {
    let configuration = try world.agreed {
      try load(
        presets: presets, for: use,
        keeping: use == .training ? [.prompts(forEachOf: world.size)] : [])
    }
    try world.requireTheSameProgram(configuration)
    return configuration
  }

  /// The configuration, read by this process alone.
  ///
  /// - Parameters:
  ///   - use: What it is for.
  ///   - relations: Rules that it must keep besides its own.
  /// - Throws: `ConfigurationError` when it is not valid.
  func load(
    presets: [String] = [], for use: RunConfiguration.Use = .training,
    keeping relations: [ConfigurationRelation] = []
  ) throws -> RunConfiguration {
    try RunConfiguration.load(
      path: config, overrides: presets + overrides, for: use, keeping: relations)
  }
}

/// The folders, as a person would write them, whose paths begin with `prefix`.
func folderCompletions(of prefix: String) -> [String] {
  let end = prefix.lastIndex(of: "/").map { prefix.index(after: $0) } ?? prefix.startIndex
  let parent = prefix[..<end]
  let folder = URL(filePath: parent.isEmpty ? "." : String(parent), directoryHint: .isDirectory)
  let entries = try? FileManager.default.contentsOfDirectory(
    at: folder, includingPropertiesForKeys: [.isDirectoryKey],
    options: prefix[end...].hasPrefix(".") ? [] : .skipsHiddenFiles)
  return (entries ?? []).filter(\.hasDirectoryPath).map { parent + $0.lastPathComponent }
    .filter { $0.hasPrefix(prefix) }.sorted()
}
