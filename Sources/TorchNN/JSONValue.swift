/// A value of a JSON file, of the type that the file gives it.
///
/// Foundation's JSONSerialization lets a 1 pass for a true and a true for a 1; this does not.
enum JSONValue: Decodable, Sendable, CustomStringConvertible {
  case null
  case bool(Bool)
  case number(Double)
  case string(String)
  case array([JSONValue])
  case object([String: JSONValue])

  init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if container.decodeNil() {
      self = .null
    } else if let bool = try? container.decode(Bool.self) {
      self = .bool(bool)
    } else if let number = try? container.decode(Double.self) {
      self = .number(number)
    } else if let string = try? container.decode(String.self) {
      self = .string(string)
    } else if let array = try? container.decode([JSONValue].self) {
      self = .array(array)
    } else {
      self = .object(try container.decode([String: JSONValue].self))
    }
  }

  /// The number, where it is a whole one.
  var int: Int? { double.flatMap(Int.init(exactly:)) }

  var double: Double? {
    if case .number(let number) = self { number } else { nil }
  }

  var bool: Bool? {
    if case .bool(let bool) = self { bool } else { nil }
  }

  var string: String? {
    if case .string(let string) = self { string } else { nil }
  }

  /// The list, where `element` finds what it wants in every element.
  func list<Element>(of element: (JSONValue) -> Element?) -> [Element]? {
    guard case .array(let values) = self else { return nil }
    let elements = values.compactMap(element)
    return elements.count == values.count ? elements : nil
  }

  /// The object, where `element` finds what it wants in every value.
  func object<Element>(of element: (JSONValue) -> Element?) -> [String: Element]? {
    guard case .object(let values) = self else { return nil }
    let elements = values.compactMapValues(element)
    return elements.count == values.count ? elements : nil
  }

  /// The value as error messages show it.
  var description: String {
    switch self {
    case .null: "null"
    case .bool(let bool): "\(bool)"
    case .number(let number): int.map(String.init) ?? "\(number)"
    case .string(let string): string
    case .array(let values): "\(values)"
    case .object: "an object"
    }
  }
}
