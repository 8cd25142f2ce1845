import Foundation

/// A JSON object on disk with typed access, for configuration files of diffusers and transformers.
public struct JSONFile: Sendable {
  /// Where the file is.
  public let path: String
  private let object: [String: JSONValue]
  /// What stands before the keys of an object within the file, in errors: `text_config.`.
  private let keyPrefix: String

  /// Files of this kind take a few kilobytes; more is not one of them.
  private static let byteLimit = 4 << 20

  /// Reads the file.
  ///
  /// - Throws: ``ModelError`` when it is absent, too large or not a JSON object.
  public init(path: String) throws(ModelError) {
    self.path = path
    keyPrefix = ""
    guard let size = try? FileManager.default.attributesOfItem(atPath: path)[.size] as? Int else {
      throw .unreadable(
        path: path, reason: "no such file; expected a model folder in diffusers' layout")
    }
    guard size <= Self.byteLimit, let data = FileManager.default.contents(atPath: path) else {
      throw .unreadable(path: path, reason: "expected a JSON file of at most 4 MiB")
    }
    do {
      object = try JSONDecoder().decode([String: JSONValue].self, from: data)
    } catch {
      throw .unreadable(path: path, reason: "expected a JSON object")
    }
  }

  private init(path: String, object: [String: JSONValue], keyPrefix: String) {
    self.path = path
    self.object = object
    self.keyPrefix = keyPrefix
  }

  /// The object at `key`.
  public func object(_ key: String) throws(ModelError) -> JSONFile {
    let object = try value(key, default: nil, expected: "an object") { $0.object { $0 } }
    return JSONFile(path: path, object: object, keyPrefix: "\(keyPrefix)\(key).")
  }

  /// Whether an object is at `key`.
  public func containsObject(_ key: String) -> Bool { found(key)?.object { $0 } != nil }

  /// Whether the key is there with a value other than null.
  public func contains(_ key: String) -> Bool { found(key) != nil }

  /// The integer at `key`, or the default where the key is absent or null.
  public func int(_ key: String, default fallback: Int? = nil) throws(ModelError) -> Int {
    try value(key, default: fallback, expected: "an integer") { $0.int }
  }

  /// The number at `key`, or the default where the key is absent or null.
  public func double(_ key: String, default fallback: Double? = nil) throws(ModelError) -> Double {
    try value(key, default: fallback, expected: "a number") { $0.double }
  }

  /// The truth value at `key`, or the default where the key is absent or null.
  public func bool(_ key: String, default fallback: Bool? = nil) throws(ModelError) -> Bool {
    try value(key, default: fallback, expected: "true or false") { $0.bool }
  }

  /// The string at `key`, or the default where the key is absent or null.
  public func string(_ key: String, default fallback: String? = nil) throws(ModelError) -> String {
    try value(key, default: fallback, expected: "a string") { $0.string }
  }

  /// The list of strings at `key`.
  public func strings(_ key: String) throws(ModelError) -> [String] {
    try value(key, default: nil, expected: "a list of strings") { $0.list(of: \.string) }
  }

  /// The list of integers at `key`.
  public func ints(_ key: String) throws(ModelError) -> [Int] {
    try value(key, default: nil, expected: "a list of integers") { $0.list(of: \.int) }
  }

  /// The list of numbers at `key`.
  public func doubles(_ key: String) throws(ModelError) -> [Double] {
    try value(key, default: nil, expected: "a list of numbers") { $0.list(of: \.double) }
  }

  /// The object at `key`, all of whose values are texts.
  public func texts(_ key: String) throws(ModelError) -> [String: String] {
    try value(key, default: nil, expected: "an object of texts") { $0.object(of: \.string) }
  }

  /// One integer for all of `count` levels, or a list with one for each.
  public func ints(
    _ key: String, perLevel count: Int, default fallback: Int
  ) throws(ModelError) -> [Int] {
    guard case .array = found(key) else {
      return Array(repeating: try int(key, default: fallback), count: count)
    }
    let list = try ints(key)
    guard list.count == count else {
      throw .invalid(
        path: path, key: keyPrefix + key, expected: "\(count) integers, one a level",
        found: "\(list)")
    }
    return list
  }

  /// Refuses an option that would change the computation in a way that is not implemented. One that
  /// is absent or null is not in use.
  public func require(_ key: String, oneOf supported: [String]) throws(ModelError) {
    guard let found = found(key), !supported.contains("\(found)") else { return }
    throw .unsupported(
      path: path, key: keyPrefix + key, found: "\(found)",
      supported: supported.joined(separator: ", "))
  }

  /// The error of a value at `key` that this file may not have.
  public func invalid(_ key: String, expected: String, found: String) -> ModelError {
    .invalid(path: path, key: keyPrefix + key, expected: expected, found: found)
  }

  private func found(_ key: String) -> JSONValue? {
    guard let found = object[key] else { return nil }
    if case .null = found { return nil }
    return found
  }

  private func value<Value>(
    _ key: String, default fallback: Value?, expected: String, _ convert: (JSONValue) -> Value?
  ) throws(ModelError) -> Value {
    guard let found = found(key) else {
      if let fallback { return fallback }
      throw .invalid(path: path, key: keyPrefix + key, expected: expected, found: "nothing")
    }
    guard let value = convert(found) else {
      throw .invalid(path: path, key: keyPrefix + key, expected: expected, found: "\(found)")
    }
    return value
  }
}
