import Foundation

/// How numbers and times are put into words.
enum Wording {
  /// A number with so many digits that count; thousands are set apart, and what is very small or
  /// large has a power of ten.
  static func number(_ value: Double, digits: Int = 4) -> String {
    guard value.isFinite else { return "–" }
    let magnitude = abs(value)
    if magnitude >= 1e7 || magnitude > 0 && magnitude < 1e-3 {
      let parts = String(format: "%.\(max(0, digits - 2))e", value).split(separator: "e")
      let mantissa = trimmed(String(parts[0]))
      return "\(mantissa)e\(Int(parts[1]) ?? 0)"
    }
    if magnitude >= 1000 { return count(Int(value.rounded())) }
    let whole = magnitude == 0 ? 1 : Int(log10(magnitude).rounded(.down)) + 1
    return trimmed(String(format: "%.\(max(0, digits - whole))f", value))
  }

  /// A reward: four digits after the point where it is small.
  static func reward(_ value: Double) -> String {
    value.isFinite && abs(value) < 100 ? String(format: "%.4f", value) : number(value, digits: 5)
  }

  /// A difference with its sign.
  static func change(_ value: Double) -> String {
    (value < 0 ? "−" : "+") + reward(abs(value))
  }

  /// A whole number, thousands set apart.
  static func count(_ value: Int) -> String {
    let digits = Array("\(value.magnitude)")
    let grouped = digits.enumerated().map { index, digit in
      index > 0 && (digits.count - index).isMultiple(of: 3) ? ",\(digit)" : "\(digit)"
    }
    return (value < 0 ? "−" : "") + grouped.joined()
  }

  /// A number and a word, in the plural where it is not one.
  static func count(_ value: Int, _ noun: String) -> String {
    "\(count(value)) \(noun)\(value == 1 ? "" : "s")"
  }

  /// A time in its two greatest units: "0.25 s", "45 s", "4 min 10 s", "2 h 05 min", "3 d 4 h".
  static func duration(_ seconds: Double) -> String {
    guard seconds.isFinite, seconds >= 0 else { return "–" }
    if seconds < 10 { return "\(number(seconds, digits: 2)) s" }
    let whole = Int(min(seconds.rounded(), 1e12))
    func twoDigits(_ value: Int) -> String { (value < 10 ? "0" : "") + "\(value)" }
    switch whole {
    case ..<60: return "\(whole) s"
    case ..<3600: return "\(whole / 60) min \(twoDigits(whole % 60)) s"
    case ..<86400: return "\(whole / 3600) h \(twoDigits(whole % 3600 / 60)) min"
    default: return "\(whole / 86400) d \(whole % 86400 / 3600) h"
    }
  }

  /// A size: "340 kB", "1.2 GB".
  static func bytes(_ count: Double) -> String {
    let units = [(1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")]
    guard let (size, unit) = units.first(where: { count >= $0.0 }) else {
      return "\(Int(max(0, count))) bytes"
    }
    return "\(number(count / size, digits: 3)) \(unit)"
  }

  /// A time of ISO 8601 in UTC as a person reads it; as it is where it is none.
  static func time(_ text: String) -> String {
    text.wholeMatch(of: #/([0-9-]{10})T([0-9:]{8})Z/#).map { "\($0.output.1) \($0.output.2) UTC" }
      ?? String(text.prefix(40))
  }

  private static func trimmed(_ number: String) -> String {
    guard number.contains(".") else { return number }
    var number = number
    while number.last == "0" { number.removeLast() }
    if number.last == "." { number.removeLast() }
    return number == "-0" ? "0" : number
  }
}
