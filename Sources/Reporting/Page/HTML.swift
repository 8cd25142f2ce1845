/// A piece of HTML. Text that is put into it is escaped; only other pieces are not.
struct HTML: ExpressibleByStringInterpolation, Equatable {
  private(set) var source = ""

  struct StringInterpolation: StringInterpolationProtocol {
    fileprivate var source: String

    init(literalCapacity: Int, interpolationCount: Int) { source = "" }

    mutating func appendLiteral(_ literal: String) { source += literal }
    mutating func appendInterpolation(_ piece: HTML) { source += piece.source }
    mutating func appendInterpolation(_ pieces: [HTML]) {
      for piece in pieces { source += piece.source }
    }
    mutating func appendInterpolation(_ number: Int) { source += "\(number)" }
    mutating func appendInterpolation(_ text: String) { source += HTML.escaped(text) }
    /// A place in a drawing, to a tenth.
    mutating func appendInterpolation(_ place: Double) { source += HTML.place(place) }
  }

  init(stringLiteral source: String) { self.source = source }

  init(stringInterpolation: StringInterpolation) { source = stringInterpolation.source }

  /// Text in which nothing is markup; control characters, those that turn the direction of text too,
  /// are replaced.
  static func escaped(_ text: String) -> String {
    var escaped = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": escaped += "&amp;"
      case "<": escaped += "&lt;"
      case ">": escaped += "&gt;"
      case "\"": escaped += "&quot;"
      case "'": escaped += "&#39;"
      case "\n", "\t": escaped.unicodeScalars.append(scalar)
      case "\u{0}"..."\u{1F}", "\u{7F}"..."\u{9F}", "\u{202A}"..."\u{202E}",
        "\u{2066}"..."\u{2069}":
        escaped += "\u{FFFD}"
      default: escaped.unicodeScalars.append(scalar)
      }
    }
    return escaped
  }

  /// A number to a tenth, without a needless ".0"; what is far off or no number is drawn at an edge.
  static func place(_ number: Double) -> String {
    let tenths = number.isFinite ? Int((min(max(number, -1e6), 1e6) * 10).rounded()) : 0
    let sign = tenths < 0 ? "-" : ""
    let (whole, rest) = tenths.magnitude.quotientAndRemainder(dividingBy: 10)
    return rest == 0 ? "\(sign)\(whole)" : "\(sign)\(whole).\(rest)"
  }
}
