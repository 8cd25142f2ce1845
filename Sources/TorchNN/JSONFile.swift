import Foundation

/// A JSON object on disk with typed access, for configuration files of diffusers and transformers.
public struct JSONFile {
  /// Where the file is.
  public let path: String
  private let object: [String: Any]

  /// Files of this kind take a few kilobytes; more is not one of them.
  private static let byteLimit = 4 << 20

  /// Reads the file.
  ///
  /// - Throws: ``ModelError`` when it is absent, too large or not a JSON object.
  public init(path: String) throws(ModelError) {
    self.path = path
    guard let size = try? FileManager.default.attributesOfItem(atPath: path)[.size] as? Int else {
      throw .unreadable(
        path: path, reason: "no such file; expected a model folder in diffusers' layout")
    }
    guard size <= Self.byteLimit, let data = FileManager.default.contents(atPath: path) else {
      throw .unreadable(path: path, reason: "expected a JSON file of at most 4 MiB")
    }
    guard let object = try? JSONSerialization.jsonObject(with: data) as? [String: Any] else {
      throw .unreadable(path: path, reason: "expected a JSON object")
    }
    self.object = object
  }

  /// Whether the key is there with a value other than null.
  public func contains(_ key: String) -> Bool { object[key].map { !($0 is NSNull) } ?? false }

  /// The integer at `key`, or the default where the key is absent or null.
  public func int(_ key: String, default fallback: Int? = nil) throws(ModelError) -> Int {
    try value(key, default: fallback, expected: "an integer") { $0 as? Int }
  }

  /// The number at `key`, or the default where the key is absent or null.
  public func double(_ key: String, default fallback: Double? = nil) throws(ModelError) -> Double {
    try value(key, default: fallback, expected: "a number") { ($0 as? NSNumber)?.doubleValue }
  }

  /// The truth value at `key`, or the default where the key is absent or null.
  public func bool(_ key: String, default fallback: Bool? = nil) throws(ModelError) -> Bool {
    try value(key, default: fallback, expected: "true or false") { $0 as? Bool }
  }

  /// The string at `key`, or the default where the key is absent or null.
  public func string(_ key: String, default fallback: String? = nil) throws(ModelError) -> String {
    try value(key, default: fallback, expected: "a string") { $0 as? String }
  }

  /// The list of strings at `key`.
  public func strings(_ key: String) throws(ModelError) -> [String] {
    try value(key, default: nil, expected: "a list of strings") { $0 as? [String] }
  }

  /// The list of integers at `key`.
  public func ints(_ key: String) throws(ModelError) -> [Int] {
    try value(key, default: nil, expected: "a list of integers") { $0 as? [Int] }
  }

  /// The list of numbers at `key`.
  public func doubles(_ key: String) throws(ModelError) -> [Double] {
    try value(key, default: nil, expected: "a list of numbers") { $0 as? [Double] }
  }

  /// One integer for all of `count` levels, or a list with one for each.
  public func ints(_ key: String, perLevel count: Int, default fallback: Int) throws(ModelError) -> [Int] {
    if object[key] is [Any] {
      let list = try ints(key)
      guard list.count == count else {
        throw .invalid(
          path: path, key: key, expected: "\(count) integers, one a level", found: "\(list)")
      }
      return list
    }
    return Array(repeating: try int(key, default: fallback), count: count)
  }

  /// Refuses an option that would change the computation in a way that is not implemented.
  public func require(_ key: String, oneOf supported: [String]) throws(ModelError) {
    guard contains(key), let found = object[key] else { return }
    // Foundation shows a JSON true as 1.
    let text = found as? Bool == true && "\(found)" == "1" ? "true" : "\(found)"
    let isFalse = (found as? Bool) == false && !(found is String)
    guard supported.contains(text) || (isFalse && supported.contains("false")) else {
      throw .unsupported(
        path: path, key: key, found: text, supported: supported.joined(separator: ", "))
    }
  }

  private func value<Value>(
    _ key: String, default fallback: Value?, expected: String, _ convert: (Any) -> Value?
  ) throws(ModelError) -> Value {
    guard contains(key), let found = object[key] else {
      if let fallback { return fallback }
      throw .invalid(path: path, key: key, expected: expected, found: "nothing")
    }
    guard let value = convert(found) else {
      throw .invalid(path: path, key: key, expected: expected, found: "\(found)")
    }
    return value
  }
}
