import Foundation

/// A line made of parts, some of them coloured, that can be cut to a width.
struct ProgressLine {
  /// How a part looks: the number of an ANSI "select graphic rendition" sequence.
  enum Style: Int {
    case plain = 0
    case bold = 1
    case faint = 2
    case red = 31
    case green = 32
  }

  private(set) var parts: [(text: String, style: Style)] = []

  mutating func append(_ text: String, _ style: Style = .plain) { parts.append((text, style)) }

  /// The line without colours.
  var plain: String { parts.map(\.text).joined() }

  /// The line with colours, cut to `width` characters.
  func colored(width: Int) -> String {
    var rest = width
    return parts.map { text, style in
      let shown = text.prefix(max(rest, 0))
      rest -= text.count
      return style == .plain || shown.isEmpty
        ? String(shown) : "\u{1B}[\(style.rawValue)m\(shown)\u{1B}[0m"
    }.joined()
  }
}

/// How progress is put into words and pictures.
enum ProgressText {
  /// The two parts of a bar of `width` characters, done and to do, for a fraction of 0 to 1.
  static func bar(_ fraction: Double, width: Int) -> (done: String, rest: String) {
    let fraction = fraction.isFinite ? min(max(fraction, 0), 1) : 0
    let halves = Int((fraction * Double(2 * width)).rounded(.down))
    let done = String(repeating: "━", count: halves / 2) + (halves % 2 == 1 ? "╸" : "")
    return (done, String(repeating: "─", count: width - done.count))
  }

  /// A curve of `values`, a character each, between their least and greatest.
  static func curve(_ values: some Collection<Double>) -> String {
    let values = values.filter(\.isFinite)
    guard let least = values.min(), let greatest = values.max() else { return "" }
    let levels = Array("▁▂▃▄▅▆▇█")
    return String(
      values.map { value in
        let height = greatest > least ? (value - least) / (greatest - least) : 0
        return levels[Int((height * Double(levels.count - 1)).rounded())]
      })
  }

  /// A time in its two greatest units: "45 s", "4 min 10 s", "2 h 05 min", "3 d 4 h".
  static func duration(_ seconds: Double) -> String {
    // Not more than a Swift integer holds, and no number for an unknown time.
    guard seconds.isFinite else { return "unknown" }
    let seconds = Int(min(max(seconds.rounded(), 0), 1e12))
    switch seconds {
    case ..<60: return "\(seconds) s"
    case ..<3600: return "\(seconds / 60) min \(twoDigits(seconds % 60)) s"
    case ..<86400: return "\(seconds / 3600) h \(twoDigits(seconds % 3600 / 60)) min"
    default: return "\(seconds / 86400) d \(seconds % 86400 / 3600) h"
    }
  }

  /// A number with so many digits after the point.
  static func number(_ value: Double, digits: Int) -> String {
    String(format: "%.\(digits)f", value)
  }

  /// A difference with its sign.
  static func change(_ value: Double) -> String { String(format: "%+.4f", value) }

  private static func twoDigits(_ value: Int) -> String { (value < 10 ? "0" : "") + "\(value)" }
}
