import Foundation

/// An object of JSON of which any part may be missing or be of another kind.
struct Fields {
  private let values: [String: Any]

  /// `nil` where the bytes are no object.
  init?(_ json: Data) {
    guard let values = try? JSONSerialization.jsonObject(with: json) as? [String: Any] else {
      return nil
    }
    self.values = values
  }

  private init(_ values: [String: Any]) { self.values = values }

  func text(_ key: String) -> String? { values[key] as? String }

  func texts(_ key: String) -> [String] { values[key] as? [String] ?? [] }

  func number(_ key: String) -> Double? { Self.number(values[key]) }

  func integer(_ key: String) -> Int? {
    number(key).flatMap { Int(exactly: $0.rounded()) }
  }

  func fields(_ key: String) -> Fields? { (values[key] as? [String: Any]).map(Fields.init) }

  /// All numbers, those of objects within under names with dots; null counts as no number.
  var numbers: [String: Double] {
    var numbers: [String: Double] = [:]
    for (key, value) in values {
      if let number = Self.number(value) {
        numbers[key] = number
      } else if value is NSNull {
        numbers[key] = .nan
      } else if let fields = fields(key) {
        for (inner, number) in fields.numbers { numbers["\(key).\(inner)"] = number }
      }
    }
    return numbers
  }

  private static func number(_ value: Any?) -> Double? {
    // 0 and 1 cannot be told from false and true here.
    (value as? NSNumber)?.doubleValue
  }
}
