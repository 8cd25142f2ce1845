import Foundation

extension RunConfiguration {
  /// The whole configuration as YAML, every key stated, in the order of the schema.
  ///
  /// Reading the text gives an equal value.
  public func yaml() -> String { yaml(of: Schema.keys) }

  /// Some of the keys with their values as YAML, within their sections.
  func yaml(of keys: [ConfigurationKey]) -> String {
    var lines: [String] = []
    var openGroups: [String] = []
    for key in keys {
      for group in key.groups where !openGroups.contains(group) {
        openGroups.append(group)
        lines.append("\(Self.indentation(of: group))\(group.lastComponent):")
      }
      let indentation = Self.indentation(of: key.path)
      let values = key.yamlLines(self)
      if values.isEmpty {
        lines.append("\(indentation)\(key.path.lastComponent): \(key.yaml(self))")
      } else {
        lines.append("\(indentation)\(key.path.lastComponent):")
        lines += values.map { "\(indentation)  \($0)" }
      }
    }
    return lines.map { $0 + "\n" }.joined()
  }

  /// Every key with its type, range, default and unit, and one line on what it is; of the rewards
  /// the kinds and what can be set of each.
  public static func schema() -> String {
    let defaults = RunConfiguration()
    var lines: [String] = []
    for section in Schema.sections {
      lines += ["\(section.name): \(section.explanation)", ""]
      for key in section.keys {
        let unit = key.unit.map { "; unit: \($0)" } ?? ""
        let resume = key.mayChangeOnResume ? "; may change on a resume" : ""
        lines += [
          "  \(key.path)",
          "      \(key.explanation)",
          "      \(key.expectation); default: \(key.yaml(defaults))\(unit)\(resume)",
        ]
        if key.path == "rewards" { lines += Reward.Kind.schemaLines.map { "      \($0)" } }
      }
      lines.append("")
    }
    return lines.map { $0 + "\n" }.joined()
  }

  /// The keys whose values may change when a run goes on from a checkpoint, a path on each line.
  public static var keysThatMayChangeOnResume: String {
    Schema.keys.filter(\.mayChangeOnResume).map { "\($0.path)\n" }.joined()
  }

  private static func indentation(of path: String) -> String {
    String(repeating: "  ", count: path.count { $0 == "." })
  }
}
