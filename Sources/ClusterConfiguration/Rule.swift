import Foundation

/// What a key's value must keep to.
struct Rule<Value: ConfigurationValue>: Sendable {
  /// Completes "method.beta must be …": type and range in words.
  let expectation: String
  /// What came instead, as the message names it; `nil` where the value keeps the rule.
  let complaint: @Sendable (Value) -> String?

  init(_ expectation: String, complaint: @escaping @Sendable (Value) -> String?) {
    self.expectation = expectation
    self.complaint = complaint
  }

  init(_ expectation: String, holds: @escaping @Sendable (Value) -> Bool) {
    self.init(expectation, complaint: { holds($0) ? nil : $0.yaml })
  }
}

extension Rule where Value == Int {
  /// The product of any three counts, such as all latents of an epoch, stays below 2^63.
  static let countLimit = 1_000_000

  /// A number of things, one at least.
  static var count: Rule { integer(1...countLimit) }
  /// A number of things, or 0 for none.
  static var countOrNone: Rule { integer(0...countLimit) }
  /// A seed of the keyed random numbers.
  static var seed: Rule { Rule("an integer of at least 0") { $0 >= 0 } }

  static func integer(_ range: ClosedRange<Int>) -> Rule {
    Rule("an integer from \(range.lowerBound) to \(range.upperBound)") { range.contains($0) }
  }
}

extension Rule where Value == Double {
  static func above(_ bound: Double) -> Rule {
    Rule("a number above \(bound.yaml)") { $0 > bound && $0.isFinite }
  }

  static func atLeast(_ bound: Double) -> Rule {
    Rule("a number of at least \(bound.yaml)") { $0 >= bound && $0.isFinite }
  }

  /// A time, which a clock can add to another.
  static func seconds(atMost limit: Double) -> Rule {
    Rule("a number above 0 and at most \(limit.yaml)") { $0 > 0 && $0 <= limit }
  }

  /// A time, or 0 for none.
  static func secondsOrNone(atMost limit: Double) -> Rule {
    Rule("a number from 0 to \(limit.yaml)") { $0 >= 0 && $0 <= limit }
  }

  /// Above 0 and at most 1.
  static var fractionAboveZero: Rule { Rule("a number in (0, 1]") { $0 > 0 && $0 <= 1 } }
  /// Megabytes of a message.
  static var bucket: Rule {
    Rule("a number above 0 and at most 10000") { $0 > 0 && $0 <= 10_000 }
  }
  /// At least 0 and below 1.
  static var fractionBelowOne: Rule { decayRate }
  /// At least 0 and below 1.
  static var decayRate: Rule { Rule("a number in [0, 1)") { $0 >= 0 && $0 < 1 } }
}

extension Rule {
  static func orNull<Wrapped>(_ rule: Rule<Wrapped>) -> Rule where Value == Wrapped? {
    Rule("\(rule.expectation), or null", complaint: { $0.flatMap(rule.complaint) })
  }
}

extension Rule where Value == String {
  /// A path, as written: whether something is there is for the part that opens it to say.
  static var path: Rule {
    Rule("a path", complaint: \.complaintAsText)
  }

  /// Any text but none.
  static var text: Rule { Rule("a text", complaint: \.complaintAsText) }

  /// A reward on a set of prompts, as `RunConfiguration.Measure` reads it.
  static var measure: Rule {
    Rule("SET/REWARD, such as unseen/pickscore") { RunConfiguration.Measure($0) != nil }
  }

  /// A part of a file's name.
  static var word: Rule { Rule("letters, digits, _ . or -, 64 at most") { $0.isName } }
}

extension Rule where Value == Bool {
  static var truth: Rule { Rule("true or false") { _ in true } }
}

extension Rule where Value: Choice {
  static var choice: Rule {
    let words = Value.allCases.map(\.rawValue)
    // Every case keeps the rule; a word that is none has been refused in reading.
    return Rule(words.alternatives) { _ in true }
  }
}

extension Rule where Value == [String] {
  /// The ends of module paths, such as `to_out.0`.
  static var moduleNames: Rule {
    Rule("a list of distinct module names, one at least") { names in
      if names.isEmpty { return "an empty list" }
      return names.lazy.compactMap(\.complaintAsText).first ?? names.complaintAboutRepeats
    }
  }
}

extension Rule where Value == [String] {
  /// Addresses of services.
  static var urls: Rule {
    Rule("a list of distinct http:// or https:// URLs without user and password, one at least") {
      urls in
      if urls.isEmpty { return "an empty list" }
      // A password would end up in the saved configuration, so it is not shown either.
      return urls.contains { !$0.isServiceURL } ? "one that is not" : urls.complaintAboutRepeats
    }
  }

  /// The words of a command line.
  static var words: Rule {
    Rule("a list of words, one at least") { words in
      if words.isEmpty { return "an empty list" }
      return words[0].isEmpty ? "an empty word for the program" : nil
    }
  }
}

extension Rule where Value == [RunConfiguration.Reward] {
  static var rewards: Rule {
    Rule("a list of {name, weight, …} with distinct names, one at least") { rewards in
      if rewards.isEmpty { return "an empty list" }
      if let weight = rewards.map(\.weight).first(where: { !$0.isFinite }) {
        return "the weight \(weight)"
      }
      if rewards.allSatisfy({ $0.weight == 0 }) { return "no weight but 0" }
      return rewards.map(\.name).complaintAsNames
    }
  }

  /// Rewards that are not added up.
  static var heldOutRewards: Rule {
    Rule("a list of {name, …} with distinct names and without weights, or []") { rewards in
      if let weight = rewards.map(\.weight).first(where: {
        $0 != RunConfiguration.Reward.defaultWeight
      }) {
        return "the weight \(weight.yaml)"
      }
      return rewards.map(\.name).complaintAsNames
    }
  }
}

extension Rule where Value == [RunConfiguration.Data.Source] {
  static var promptSources: Rule {
    Rule("a path, or a list of paths or of {path, weight} with weights from 1 to 1000") { sources in
      if sources.isEmpty { return "an empty list" }
      if let weight = sources.map(\.weight).first(where: { !(1...1000).contains($0) }) {
        return "the weight \(weight)"
      }
      let paths = sources.map(\.path)
      return paths.lazy.compactMap(\.complaintAsText).first ?? paths.complaintAboutRepeats
    }
  }
}

extension Rule where Value == [RunConfiguration.EvaluationSet] {
  static var promptSets: Rule {
    Rule("a mapping from names to paths of prompt files") { sets in
      sets.map(\.name).complaintAsNames ?? sets.lazy.compactMap(\.prompts.complaintAsText).first
    }
  }
}

extension String {
  /// Whether this is an absolute HTTP URL with a host, without user, password and fragment.
  fileprivate var isServiceURL: Bool {
    guard let url = URLComponents(string: self), ["http", "https"].contains(url.scheme) else {
      return false
    }
    return url.host?.isEmpty == false && url.user == nil && url.password == nil
      && url.fragment == nil && unicodeScalars.allSatisfy(\.isAcceptedInText)
  }

  /// Why this cannot be a path or the like, `nil` where it can.
  fileprivate var complaintAsText: String? {
    if isEmpty { return "an empty text" }
    return unicodeScalars.allSatisfy(\.isAcceptedInText)
      ? nil : "the control character in \"\(shown)\""
  }

  /// Names become keys of metrics and parts of file names.
  var isName: Bool {
    guard let first = utf8.first, first != UInt8(ascii: "-"), first != UInt8(ascii: ".") else {
      return false
    }
    return utf8.count <= 64
      && unicodeScalars.allSatisfy {
        $0.isASCII && ($0.properties.isAlphabetic || $0.properties.numericType != nil)
          || "_.-".unicodeScalars.contains($0)
      }
  }
}

extension [String] {
  var complaintAboutRepeats: String? {
    var seen: Set<String> = []
    return first { !seen.insert($0).inserted }.map { "\($0.shown) twice" }
  }

  fileprivate var complaintAsNames: String? {
    if let bad = first(where: { !$0.isName }) {
      return "the name \"\(bad.shown)\" (letters, digits, _ . - and 64 of them at most)"
    }
    return complaintAboutRepeats
  }
}
