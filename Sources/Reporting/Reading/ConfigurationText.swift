/// The text of `config.yaml`, as `prdp train` writes it: sections, and below them a key a line.
struct ConfigurationText {
  /// All of it.
  let text: String

  init(_ text: String) { self.text = text }

  /// What stands after `section: key:`; `nil` where there is no such line.
  func value(_ section: String, _ key: String) -> String? {
    var isInSection = false
    for line in text.split(separator: "\n") {
      if !line.hasPrefix(" ") {
        isInSection = line == "\(section):"
      } else if isInSection, line.hasPrefix("  \(key): ") {
        return String(line.dropFirst(key.count + 4))
      }
    }
    return nil
  }

  func integer(_ section: String, _ key: String) -> Int? { value(section, key).flatMap { Int($0) } }

  /// Lines below a section that has a list: `- {name: a, weight: 1}`.
  func items(_ section: String) -> [String] {
    var isInSection = false
    var items: [String] = []
    for line in text.split(separator: "\n") {
      if !line.hasPrefix(" ") {
        isInSection = line == "\(section):"
      } else if isInSection, line.hasPrefix("  - ") {
        items.append(String(line.dropFirst(4)))
      }
    }
    return items
  }
}
